import * as v from 'valibot';

import { demand } from '../assertion.ts';

/** The part of a pod that tells how a bomb ended. */
export const BombPod = v.object({
  status: v.object({
    phase: v.optional(v.string(), ''),
    reason: v.optional(v.string(), ''),
    message: v.optional(v.string(), ''),
    containerStatuses: v.optional(
      v.array(
        v.object({
          state: v.object({
            terminated: v.optional(v.object({ exitCode: v.number(), reason: v.string() })),
          }),
        }),
      ),
      [],
    ),
  }),
});
export type BombPod = v.InferOutput<typeof BombPod>;

const SIGKILL = 128 + 9;
const RESULT = /"result":"([^"]+)"/;

/**
 * Returns how a bomb ended: what it holds, or that it was killed or evicted. Undefined while it still takes more. An
 * eviction proves something only if it was for what the bomb takes, `lacking`, which kubelet's message names. Kubelet
 * gives the same reason to a pod that it did not admit.
 */
export function bombOutcome({ status }: BombPod, log: string, lacking: string): string | undefined {
  const { phase, reason, message, containerStatuses } = status;
  const [container] = containerStatuses;
  if (reason === 'Evicted') {
    demand(container !== undefined, `the bomb was not admitted: ${message}`);
    demand(message.includes(lacking), `the bomb was evicted for something else: ${message}`);
    return 'evicted';
  }
  const ended = container?.state.terminated;
  if (ended?.exitCode === SIGKILL) return `killed (${ended.reason})`;
  demand(phase !== 'Failed', `the bomb failed: ${reason} ${ended?.reason} ${message}`);
  return RESULT.exec(log)?.[1];
}

import * as v from 'valibot';

import type { Kubectl } from '../../../src/lab/kubectl.ts';

const Pod = v.object({
  status: v.object({
    containerStatuses: v.array(
      v.object({
        name: v.string(),
        restartCount: v.number(),
        lastState: v.object({ terminated: v.optional(v.object({ exitCode: v.number() })) }),
      }),
    ),
  }),
});

const podOf = (nodeName: string): string => `chrony-${nodeName}`;

/** Returns how often kubelet has started chronyd again, and how it ended before. */
export async function chronydRestarts(
  kubectl: Kubectl,
  nodeName: string,
): Promise<{ readonly count: number | undefined; readonly exitCode: number | undefined }> {
  const { status } = v.parse(Pod, await kubectl.get('-n', 'kube-system', 'pod', podOf(nodeName)));
  const chronyd = status.containerStatuses.find(({ name }) => name === 'chronyd');
  return {
    count: chronyd?.restartCount,
    exitCode: chronyd?.lastState.terminated?.exitCode,
  };
}

/** Returns the lines of the agent's log that tell of one event. */
export async function watchSaid(
  kubectl: Kubectl,
  nodeName: string,
  ev: string,
): Promise<readonly string[]> {
  const log = await kubectl.call(['-n', 'kube-system', 'logs', podOf(nodeName), '-c', 'watch']);
  return log.split('\n').filter((line) => line.includes(`"ev":"${ev}"`));
}

import {
  activeTurn,
  type Annotations,
  formatRequest,
  parseTurn,
  REQUESTS,
  TURN,
  updateIn,
} from '@kios/node-turn';

/** How the agent asks for a reboot; 0 leaves a number to the agents that reboot. */
export interface Asking {
  readonly maxUnavailable: number;
  readonly drainSeconds: number;
}

/** A turn that failed, as pods did not go, is asked for again after this. */
const AGAIN_MS = 30 * 60_000;

/** Returns the request by which a node gets its turn to boot into a system. */
export const requestFor = (digest: string, { maxUnavailable, drainSeconds }: Asking): string =>
  formatRequest({
    update: digest,
    ...(maxUnavailable === 0 ? {} : { maxUnavailable }),
    ...(drainSeconds === 0 ? {} : { drainSeconds }),
  });

/** The changes of a Node's annotations. */
export type Changes = Readonly<Record<string, string | null>>;

const NONE: Changes = {};

/** A turn without a request is one that was refused, as by agents that do not know of updates. */
function hasFailedLately(annotations: Annotations, text: string, now: number): boolean {
  const turn = parseTurn(annotations[TURN]);
  if (turn?.phase !== 'failed' || (turn.request !== text && turn.request !== '')) return false;
  return now - Date.parse(turn.since) < AGAIN_MS;
}

/** Returns what asks for the boot of a staged system: once, and not in place of what a person has asked for. */
export function askFor(annotations: Annotations, text: string, now: number): Changes {
  const asked = annotations[REQUESTS.reboot];
  if (annotations[REQUESTS.poweroff] !== undefined || asked === text) return NONE;
  if (asked !== undefined)
    return updateIn(asked) === undefined ? NONE : { [REQUESTS.reboot]: text };
  if (hasFailedLately(annotations, text, now)) return NONE;
  return { [REQUESTS.reboot]: text };
}

/** Returns what takes back a request of this agent that is no longer right. A node that stops already goes on. */
export function withdraw(annotations: Annotations): Changes {
  const asked = annotations[REQUESTS.reboot];
  if (asked === undefined || updateIn(asked) === undefined) return NONE;
  if (activeTurn(annotations[TURN])?.phase === 'stopping') return NONE;
  return { [REQUESTS.reboot]: null };
}

/**
 * Whether the machine stops to boot into a system: what is staged must stay, or that system would seem to have failed.
 */
export function isStopping(annotations: Annotations, bootId: string): boolean {
  const turn = activeTurn(annotations[TURN]);
  return (
    turn?.phase === 'stopping' && turn.bootId === bootId && updateIn(turn.request) !== undefined
  );
}

/**
 * Returns the system that the turn of this node was for, if the machine has booted since: when another one runs, the
 * machine came back.
 */
export function bootedFor(annotations: Annotations, bootId: string): string | undefined {
  const turn = activeTurn(annotations[TURN]);
  if (turn?.phase !== 'stopping' || turn.bootId === undefined || turn.bootId === bootId)
    return undefined;
  return updateIn(turn.request);
}

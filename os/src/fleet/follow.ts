import {
  type Action,
  formatRequest,
  type NodeView,
  parseTurn,
  type RequestOptions,
  REQUESTS,
  TURN,
  type Turn,
} from '@kios/node-turn';

/** An agent that runs looks at its Node at least every half minute, and ends a phase itself when its time is over. */
const ANSWER_MS = 60_000;

/** The time for which a node may be in a phase, in milliseconds. */
export interface Limits {
  readonly waiting: number;
  readonly draining: number;
  readonly stopping: number;
}

/** What a person has asked of a node. */
export interface Order {
  readonly action: Action;
  /** The value of the annotation, which no other request has. */
  readonly text: string;
  readonly limits: Limits;
}

export const newOrder = (action: Action, options: RequestOptions, limits: Limits): Order => ({
  action,
  text: formatRequest(options),
  limits,
});

/** `asked` is before an agent has answered. */
type Phase = 'asked' | keyof Limits;

/** How a node stands. Nothing has begun that would have to be ended while it is asked or waits. */
export type Standing =
  | { readonly tag: 'open'; readonly phase: Phase; readonly says: string }
  | { readonly tag: 'done' | 'failed'; readonly says: string };

const SAYS = {
  waiting: 'waits for its turn',
  draining: 'is cordoned, pods are evicted',
  stopping: 'stops',
} as const;

const failed = (says: string): Standing => ({ tag: 'failed', says });

const hasBegun = (standing: Standing): boolean =>
  standing.tag !== 'open' || standing.phase === 'draining' || standing.phase === 'stopping';

/** Returns how a node stands to what was asked of it, by its annotations alone. */
function standingIn({ annotations, isSilent }: NodeView, { action, text }: Order): Standing {
  const turn = parseTurn(annotations[TURN]);
  const isMine = turn?.request === text;
  const isAsked = annotations[REQUESTS[action]] === text;
  if (turn === undefined || !isMine)
    return isAsked
      ? { tag: 'open', phase: 'asked', says: 'is asked' }
      : failed('the request was withdrawn');
  return ofTurn(turn, isAsked, isSilent);
}

/** What came of a turn that is over. */
function outcomeOf({ phase, action, message }: Turn): Standing {
  if (phase === 'failed') return failed(message ?? 'it failed');
  return { tag: 'done', says: action === 'reboot' ? 'was rebooted' : 'is on again' };
}

function ofTurn(turn: Turn, isAsked: boolean, isSilent: boolean): Standing {
  const { action, phase, message } = turn;
  if (phase === 'done' || phase === 'failed') return outcomeOf(turn);
  if (phase === 'waiting' && !isAsked) return failed('the request was withdrawn');
  if (phase === 'stopping' && action === 'poweroff' && isSilent)
    return { tag: 'done', says: 'is off' };
  return { tag: 'open', phase, says: message ?? SAYS[phase] };
}

function late(phase: Phase, { action, limits }: Order, forMs: number): Standing | undefined {
  const limit = phase === 'asked' ? ANSWER_MS : limits[phase];
  // An agent that is alive ends the first two itself, and says why.
  const grace = phase === 'waiting' || phase === 'draining' ? ANSWER_MS : 0;
  if (forMs <= limit + grace) return undefined;
  if (phase === 'asked')
    return failed(`no agent has answered in ${limit / 1000} s; does the DaemonSet run there?`);
  if (phase !== 'stopping') return failed(`its agent is silent for ${Math.round(forMs / 1000)} s`);
  return failed(`it is not ${action === 'reboot' ? 'back' : 'off'} after ${limit / 1000} s`);
}

/** Follows one node, by the clock of the workstation: the node's may differ. */
export class Followed {
  readonly name: string;
  readonly #order: Order;
  #phase: Phase = 'asked';
  #since: number;
  standing: Standing = { tag: 'open', phase: 'asked', says: 'is asked' };

  constructor(name: string, order: Order, now: number) {
    this.name = name;
    this.#order = order;
    this.#since = now;
  }

  get isOver(): boolean {
    return this.standing.tag !== 'open';
  }

  /** Takes a look into account. Returns whether there is something new to say. */
  see(node: NodeView, now: number): boolean {
    const before = this.standing.says;
    this.standing = this.#judge(standingIn(node, this.#order), now);
    return this.standing.says !== before;
  }

  fail(says: string): void {
    this.standing = failed(says);
  }

  #judge(standing: Standing, now: number): Standing {
    if (standing.tag !== 'open') return standing;
    if (standing.phase !== this.#phase) this.#since = now;
    this.#phase = standing.phase;
    return late(standing.phase, this.#order, now - this.#since) ?? standing;
  }
}

/** Returns whether a request can be taken back without anything left behind. */
export const isUnbegun = (node: NodeView, order: Order): boolean =>
  !hasBegun(standingIn(node, order));

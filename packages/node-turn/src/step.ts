import { nodesWithFailed, type Peer, roomBeside } from './fleet.ts';
import type { LeaseView, NodeView, PodView } from './objects.ts';
import { conclude, type NodePatch, record } from './patch.ts';
import { type Action, type Defaults, readRequest, type Request, REQUESTS } from './request.ts';
import { activeTurn, formatTurn, isLate, timestamp, TURN, type Turn } from './turn.ts';
import { UPDATE, updateIn, verdictOf } from './update.ts';

/** The time that the host has to take the command. */
const ASK_MS = 120_000;
/** The time from the stop of a node in which its update agent says what became of it: three tries of a system. */
const JUDGE_MS = 2 * 3_600_000;
/** Names in a message; the others are counted. */
const NAMED = 3;

/** What a step may need to see besides the node itself. */
export type Look = 'lease' | 'holding' | 'peers' | 'pods';

/** What was seen, in this order: node, lease, holding, peers, pods. What was not looked at is undefined. */
export interface Seen {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The boot that this agent runs in, as the kernel has it. */
  readonly bootId: string;
  readonly node: NodeView;
  readonly lease: LeaseView | undefined;
  /** The nodes for which this one waited when it looked last. */
  readonly heldBy: readonly string[];
  /** The holders of the Lease and those nodes alone. */
  readonly holding: readonly Peer[] | undefined;
  readonly peers: readonly Peer[] | undefined;
  readonly pods: readonly PodView[] | undefined;
  /** Pods (UID) that a disruption budget holds back. */
  readonly blocked: ReadonlySet<string>;
  /** What became of this agent's last command to the host. */
  readonly asked: 'never' | 'taken' | 'refused';
  /** This agent has seen the Lease without this node since it last took a place. */
  readonly isFree: boolean;
  readonly defaults: Defaults;
}

export type Step =
  | { readonly tag: 'rest' }
  | { readonly tag: 'look'; readonly at: Look }
  | { readonly tag: 'write'; readonly ev: string; readonly patch: NodePatch; readonly turn: Turn }
  | { readonly tag: 'take'; readonly lease: LeaseView }
  | { readonly tag: 'leave'; readonly lease: LeaseView }
  | {
      readonly tag: 'wait';
      readonly report: NodePatch | undefined;
      /** The nodes that it waits for, as far as one look at them tells that it waits still. */
      readonly heldBy: readonly string[];
    }
  | {
      readonly tag: 'evict';
      readonly pods: readonly PodView[];
      readonly report: NodePatch | undefined;
    }
  | { readonly tag: 'ask'; readonly action: Action };

type Deferred = Extract<Step, { tag: 'look' }>;

const look = (at: Look): Deferred => ({ tag: 'look', at });
const write = (ev: string, turn: Turn, patch: NodePatch): Step => ({
  tag: 'write',
  ev,
  turn,
  patch,
});

const listed = (names: readonly string[]): string =>
  names.length <= NAMED
    ? names.join(', ')
    : `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more`;

const podNames = (pods: readonly PodView[]): string =>
  listed(pods.map(({ namespace, name }) => `${namespace}/${name}`));

/** Returns the report of a message that has changed. */
const report = (node: NodeView, turn: Turn, message: string): NodePatch | undefined =>
  turn.message === message ? undefined : record(node, { ...turn, message });

const wait = (node: NodeView, turn: Turn, message: string): Step => ({
  tag: 'wait',
  report: report(node, turn, message),
  heldBy: [],
});

/** Ends a turn without what was asked for. */
function fail({ node, now }: Seen, turn: Turn, message: string): Step {
  const phase = { phase: 'failed', since: timestamp(now), until: undefined } as const;
  const end: Turn = { ...turn, ...phase, message };
  return write('turn.failed', end, conclude(node, turn, end));
}

/** Answers a request that cannot be read. */
function refuse({ node, now }: Seen, why: string): Step {
  const turn: Turn = {
    v: 1,
    action: node.annotations[REQUESTS.poweroff] === undefined ? 'reboot' : 'poweroff',
    request: '',
    phase: 'failed',
    since: timestamp(now),
    cordoned: false,
    message: why,
  };
  const gone = Object.values(REQUESTS).filter((key) => node.annotations[key] !== undefined);
  const annotations = {
    [TURN]: formatTurn(turn),
    ...Object.fromEntries(gone.map((key) => [key, null])),
  };
  return write('turn.refused', turn, { resourceVersion: node.resourceVersion, annotations });
}

function begin({ node, now }: Seen, request: Request): Step {
  const turn: Turn = {
    v: 1,
    action: request.action,
    request: request.text,
    phase: 'waiting',
    since: timestamp(now),
    until: timestamp(now + request.waitSeconds * 1000),
    cordoned: false,
  };
  return write('turn.asked', turn, record(node, turn));
}

/** A place that an earlier turn left behind is given back first, so that a place always belongs to the present turn. */
function withoutTurn(seen: Seen): Step {
  const { node, lease, isFree, defaults } = seen;
  if (lease === undefined) {
    if (!isFree) return look('lease');
  } else if (lease.holders.includes(node.name)) return leave(lease, node.name);
  const reading = readRequest(node.annotations, defaults);
  if (reading.tag === 'none') return { tag: 'rest' };
  return reading.tag === 'invalid' ? refuse(seen, reading.why) : begin(seen, reading.request);
}

const leave = (lease: LeaseView, name: string): Step => ({
  tag: 'leave',
  lease: { ...lease, holders: lease.holders.filter((holder) => holder !== name) },
});

/** Cordons the node, and claims that in the same write; a node that others have cordoned is theirs. */
function drain({ node, now }: Seen, turn: Turn, { drainSeconds }: Request): Step {
  const next: Turn = {
    ...turn,
    phase: 'draining',
    since: timestamp(now),
    until: timestamp(now + drainSeconds * 1000),
    cordoned: !node.isCordoned,
    message: 'pods are evicted',
  };
  const patch = record(node, next);
  return write('turn.begun', next, node.isCordoned ? patch : { ...patch, unschedulable: true });
}

const lost = (pods: readonly PodView[]): readonly PodView[] =>
  pods.filter(({ fate, isTerminating }) => fate === 'lost' && !isTerminating);

/** What a node waits for. */
interface Holdup {
  readonly message: string;
  readonly by: readonly string[];
}

/**
 * Returns what a node waits for, as far as these nodes show. Nodes are read after the Lease: one on which an update
 * failed says so before it gives its place away.
 */
function holdupBy(
  { name }: NodeView,
  { holders }: LeaseView,
  peers: readonly Peer[],
  { maxUnavailable, update }: Request,
): Holdup | undefined {
  const { away } = roomBeside(name, holders, peers);
  if (away.length >= maxUnavailable)
    return { message: `waits for ${listed(away)}`, by: away.slice(0, maxUnavailable) };
  const failed = update === undefined ? [] : nodesWithFailed(update, peers);
  if (failed.length === 0) return undefined;
  return { message: `waits, as this update failed on ${listed(failed)}`, by: failed.slice(0, 1) };
}

/**
 * Returns what a node waits for, or what tells. While a fleet waits, each of its nodes looks at the few that hold it
 * up: all are read only when those leave room.
 */
function holdup(seen: Seen, lease: LeaseView, request: Request): Holdup | Deferred | undefined {
  const { node, heldBy, holding, peers } = seen;
  if (peers !== undefined) return holdupBy(node, lease, peers, request);
  if (heldBy.length === 0 && lease.holders.length < request.maxUnavailable) return look('peers');
  if (holding === undefined) return look('holding');
  return holdupBy(node, lease, holding, request) ?? look('peers');
}

/** Waits for room, and takes a place by a write that the API server refuses when the Lease has changed. */
function waiting(seen: Seen, turn: Turn, request: Request): Step {
  const { node, lease, pods, now, peers = [] } = seen;
  if (lease === undefined) return look('lease');
  if (lease.holders.includes(node.name)) return drain(seen, turn, request);
  const held = holdup(seen, lease, request);
  if (held !== undefined) {
    if ('tag' in held) return held;
    const { message, by } = held;
    if (isLate(turn, now))
      return fail(seen, turn, `no turn in ${request.waitSeconds} s: ${message}`);
    return { tag: 'wait', report: report(node, turn, message), heldBy: by };
  }
  if (pods === undefined) return look('pods');
  const irreplaceable = lost(pods);
  if (irreplaceable.length > 0 && !request.force)
    return fail(seen, turn, `nothing would make ${podNames(irreplaceable)} again`);
  const { holders } = roomBeside(node.name, lease.holders, peers);
  return { tag: 'take', lease: { ...lease, holders: [...holders, node.name] } };
}

/** Records the boot that has to end; only then the host is asked. */
function stop({ node, now, bootId }: Seen, turn: Turn): Step {
  const next: Turn = {
    ...turn,
    phase: 'stopping',
    since: timestamp(now),
    until: timestamp(now + ASK_MS),
    bootId,
    message: 'the host stops',
  };
  return write('turn.stopping', next, record(node, next));
}

const remaining = (pods: readonly PodView[]): readonly PodView[] =>
  pods.filter(({ fate }) => fate !== 'stays');

function why(pods: readonly PodView[], blocked: ReadonlySet<string>): string {
  const held = pods.filter(({ uid }) => blocked.has(uid));
  const budget = held.length === 0 ? '' : `; a disruption budget holds ${podNames(held)}`;
  return `${podNames(pods)}${budget}`;
}

function draining(seen: Seen, turn: Turn, request: Request): Step {
  const { node, lease, pods, now, blocked } = seen;
  if (lease === undefined) return look('lease');
  if (!lease.holders.includes(node.name)) return fail(seen, turn, 'its place in the Lease is gone');
  if (pods === undefined) return look('pods');
  const left = remaining(pods);
  const isOver = left.length === 0 || (isLate(turn, now) && request.force);
  if (isOver) return stop(seen, turn);
  if (isLate(turn, now))
    return fail(seen, turn, `pods did not go in ${request.drainSeconds} s: ${why(left, blocked)}`);
  // Somebody has uncordoned it: the request stands, and to withdraw it is another act.
  if (!node.isCordoned) {
    const again: Turn = { ...turn, cordoned: true };
    return write('turn.cordoned', again, { ...record(node, again), unschedulable: true });
  }
  const going = left.filter(
    ({ fate, isTerminating }) => !isTerminating && (fate === 'goes' || request.force),
  );
  const message = `${left.length} pods to go: ${why(left, blocked)}`;
  return { tag: 'evict', pods: going, report: report(node, turn, message) };
}

/** Over when kubelet reports the boot that this agent runs in, which is another one, and the node is Ready. */
function stopping(seen: Seen, turn: Turn): Step {
  const { node, bootId, now, asked } = seen;
  if (bootId === turn.bootId) {
    // A host that has taken the command stops; one that has not can be given up.
    const isRefused = asked === 'refused' && isLate(turn, now);
    return isRefused
      ? fail(seen, turn, 'the host does not take the command')
      : { tag: 'ask', action: turn.action };
  }
  if (node.bootId !== bootId || !node.isReady)
    return wait(node, turn, 'the node is back and not yet ready');
  return arrived(seen, turn);
}

const WAITS = {
  silent: 'the node is back, and its update agent has not spoken yet',
  open: 'the node is back, its update is not confirmed yet',
} as const;

/** Gives up a node about whose update nobody says anything, as where no agent runs. It holds up that update alone. */
function giveUp(seen: Seen, turn: Turn): Step {
  const why = `nobody has said for ${JUDGE_MS / 3_600_000} hours which system runs`;
  return fail(seen, { ...turn, isUnjudged: true }, why);
}

/** Ends the turn of a node that is back, unless it was for an update about which nothing is certain yet. */
function arrived(seen: Seen, turn: Turn): Step {
  const { node, bootId, now } = seen;
  const update = updateIn(turn.request);
  const verdict =
    update === undefined ? 'good' : verdictOf(node.annotations[UPDATE], bootId, update);
  if (verdict === 'silent' || verdict === 'open')
    return now - Date.parse(turn.since) < JUDGE_MS
      ? wait(node, turn, WAITS[verdict])
      : giveUp(seen, turn);
  if (verdict === 'back') return fail(seen, turn, 'the node came back on another version');
  const phase = { phase: 'done', since: timestamp(now), until: undefined } as const;
  const end: Turn = { ...turn, ...phase, bootId, message: undefined };
  return write('turn.done', end, conclude(node, turn, end));
}

/** Returns the one next step. Every step may be repeated, and none is needed twice after it was written. */
export function step(seen: Seen): Step {
  const { node, defaults } = seen;
  const turn = activeTurn(node.annotations[TURN]);
  if (turn === undefined) return withoutTurn(seen);
  if (turn.phase === 'stopping') return stopping(seen, turn);
  const reading = readRequest(node.annotations, defaults);
  const isAsked =
    reading.tag === 'request' &&
    reading.request.action === turn.action &&
    reading.request.text === turn.request;
  if (!isAsked) return fail(seen, turn, 'the request was withdrawn');
  return turn.phase === 'waiting'
    ? waiting(seen, turn, reading.request)
    : draining(seen, turn, reading.request);
}

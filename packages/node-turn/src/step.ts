import { type Peer, type Room, roomBeside } from './fleet.ts';
import type { LeaseView, NodeView, PodView } from './objects.ts';
import { conclude, type NodePatch, record } from './patch.ts';
import { type Action, type Defaults, readRequest, type Request, REQUESTS } from './request.ts';
import { activeTurn, formatTurn, isLate, timestamp, TURN, type Turn } from './turn.ts';

/** The time that the host has to take the command. */
const ASK_MS = 120_000;
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
  /** The holders of the Lease alone. */
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
  | { readonly tag: 'wait'; readonly report: NodePatch | undefined }
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

/** Returns who is away, or what tells: all nodes are read only when the holders of the Lease leave room. */
function roomIn({ node, holding, peers }: Seen, lease: LeaseView, most: number): Room | Deferred {
  if (peers !== undefined) return roomBeside(node.name, lease.holders, peers);
  if (lease.holders.length < most) return look('peers');
  if (holding === undefined) return look('holding');
  const room = roomBeside(node.name, lease.holders, holding);
  return room.away.length < most ? look('peers') : room;
}

/** Waits for room, and takes a place by a write that the API server refuses when the Lease has changed. */
function waiting(seen: Seen, turn: Turn, request: Request): Step {
  const { node, lease, pods, now } = seen;
  if (lease === undefined) return look('lease');
  if (lease.holders.includes(node.name)) return drain(seen, turn, request);
  const room = roomIn(seen, lease, request.maxUnavailable);
  if ('tag' in room) return room;
  const { holders, away } = room;
  if (away.length >= request.maxUnavailable) {
    const message = `waits for ${listed(away)}`;
    if (isLate(turn, now))
      return fail(seen, turn, `no turn in ${request.waitSeconds} s: ${message}`);
    return { tag: 'wait', report: report(node, turn, message) };
  }
  if (pods === undefined) return look('pods');
  const irreplaceable = lost(pods);
  if (irreplaceable.length > 0 && !request.force)
    return fail(seen, turn, `nothing would make ${podNames(irreplaceable)} again`);
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
    return { tag: 'wait', report: report(node, turn, 'the node is back and not yet ready') };
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

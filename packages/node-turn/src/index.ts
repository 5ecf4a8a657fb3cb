export { peerOf, roomBeside } from './fleet.ts';
export type { Peer, Room } from './fleet.ts';
export { LEASE_PATH, leaseView, nodeView, podView } from './objects.ts';
export type { Fate, LeaseView, NodeView, PodView } from './objects.ts';
export { formatLeasePatch, formatNodePatch } from './patch.ts';
export type { NodePatch } from './patch.ts';
export { ACTIONS, DEFAULTS, formatRequest, readRequest, REQUESTS } from './request.ts';
export type {
  Action,
  Annotations,
  Defaults,
  Request,
  RequestOptions,
  RequestReading,
} from './request.ts';
export { step } from './step.ts';
export type { Look, Seen, Step } from './step.ts';
export { activeTurn, formatTurn, isOver, parseTurn, TURN } from './turn.ts';
export type { Phase, Turn } from './turn.ts';
export { formatUpdate, parseUpdate, RETRY, UPDATE, updateIn, verdictOf } from './update.ts';
export type { Update, UpdateState, Verdict } from './update.ts';

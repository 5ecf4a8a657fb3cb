import type { LeaseView, NodeView } from './objects.ts';
import { REQUESTS } from './request.ts';
import { formatTurn, TURN, type Turn } from './turn.ts';

/** A change of a Node: its annotations, null for one that goes, and whether pods are placed on it. */
export interface NodePatch {
  /** The Node must not have changed since it was read. */
  readonly resourceVersion: string;
  readonly annotations: Readonly<Record<string, string | null>>;
  /** Left out where it stays as it is. */
  readonly unschedulable?: boolean;
}

/** Returns the JSON of a merge patch (RFC 7396). */
export function formatNodePatch({
  resourceVersion,
  annotations,
  unschedulable,
}: NodePatch): string {
  // Kubernetes leaves `unschedulable` out where it is false.
  const spec =
    unschedulable === undefined ? {} : { spec: { unschedulable: unschedulable ? true : null } };
  return JSON.stringify({ metadata: { resourceVersion, annotations }, ...spec });
}

/** Returns the JSON of a merge patch; the API server refuses it with 409 when the Lease has changed. */
export function formatLeasePatch({ resourceVersion, holders }: LeaseView): string {
  const holderIdentity = holders.length === 0 ? null : holders.join(',');
  return JSON.stringify({ metadata: { resourceVersion }, spec: { holderIdentity } });
}

/** Records a turn without any other change. */
export const record = ({ resourceVersion }: NodeView, turn: Turn): NodePatch => ({
  resourceVersion,
  annotations: { [TURN]: formatTurn(turn) },
});

/** Ends a turn: only who has cordoned the node uncordons it, and only the request that was answered goes. */
export function conclude(node: NodeView, turn: Turn, end: Turn): NodePatch {
  const key = REQUESTS[turn.action];
  const isAnswered = node.annotations[key] === turn.request;
  return {
    resourceVersion: node.resourceVersion,
    annotations: { [TURN]: formatTurn(end), ...(isAnswered ? { [key]: null } : {}) },
    ...(turn.cordoned && node.isCordoned ? { unschedulable: false } : {}),
  };
}

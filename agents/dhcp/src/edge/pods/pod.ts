import type { BoundLease, State } from '../../core/client/model.ts';
import { type Clocks, toRecord } from '../../core/client/record.ts';
import type { Attachment } from '../../core/pods/protocol.ts';
import type { StoredPod } from './pod-store.ts';

const SECOND = 1000;

/** One interface of one pod. */
export interface Pod {
  readonly mac: string;
  attachment: Attachment;
  state: State;
  /** The bridge's port that the pod is behind. */
  port: string | undefined;
  /** The address that the pod was given. Only a new pod can have another one. */
  given: string | undefined;
  /** Called with the lease once there is one that the pod can have. */
  waiting: ((held: BoundLease) => void)[];
}

export const nameOf = ({ attachment }: Pick<Pod, 'attachment'>): string =>
  `${attachment.namespace}/${attachment.pod}`;

interface Circumstances {
  readonly bootId: string;
  readonly clocks: () => Clocks;
}

/** Returns what is kept of a pod; undefined while it has no lease. */
export function storedOf(
  { mac, attachment, port, given, state }: Pod,
  { bootId, clocks }: Circumstances,
): StoredPod | undefined {
  const { held, network } = state.memory;
  if (held === undefined) return undefined;
  const where = { link: attachment.interface, mac, bootId, checked: true, mtuOnRoutes: false };
  const lease = toRecord(held, network, { ...where, clocks: clocks() });
  const known = {
    ...(port === undefined ? {} : { port }),
    ...(given === undefined ? {} : { given }),
  };
  return { v: 1, mac, attachment, ...known, released: false, lease };
}

/** Returns whether a lease of an earlier boot has run out. */
export const isOver = ({ lease }: StoredPod, wall: number): boolean =>
  Date.parse(lease.acquired.wall) + lease.lease * SECOND < wall;

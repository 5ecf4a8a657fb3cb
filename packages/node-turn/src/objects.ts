import * as v from 'valibot';

import type { Annotations } from './request.ts';

/** The API server leaves out or writes null for what is empty. */
const list = <T extends v.GenericSchema>(item: T) => v.nullish(v.array(item));
const map = v.nullish(v.record(v.string(), v.string()));

const Node = v.object({
  metadata: v.object({
    name: v.string(),
    resourceVersion: v.nullish(v.string(), ''),
    annotations: map,
  }),
  spec: v.optional(v.object({ unschedulable: v.nullish(v.boolean(), false) })),
  status: v.optional(
    v.object({
      conditions: list(v.object({ type: v.string(), status: v.string() })),
      nodeInfo: v.optional(v.object({ bootID: v.nullish(v.string(), '') })),
    }),
  ),
});

/** What a Node says of itself. */
export interface NodeView {
  readonly name: string;
  readonly resourceVersion: string;
  readonly annotations: Annotations;
  readonly isCordoned: boolean;
  readonly isReady: boolean;
  /** Kubelet reports nothing any more. While it shuts down it still reports that it is not ready. */
  readonly isSilent: boolean;
  /** The boot that kubelet has reported; its conditions are of the same boot. */
  readonly bootId: string;
}

type Status = v.InferOutput<typeof Node>['status'];

const readyOf = (status: Status): string | undefined =>
  status?.conditions?.find(({ type }) => type === 'Ready')?.status;

/** Reads a Node, or its metadata alone. */
export function nodeView(object: unknown): NodeView {
  const { metadata, spec, status } = v.parse(Node, object);
  const ready = readyOf(status);
  return {
    name: metadata.name,
    resourceVersion: metadata.resourceVersion,
    annotations: metadata.annotations ?? {},
    isCordoned: spec?.unschedulable ?? false,
    isReady: ready === 'True',
    isSilent: ready === 'Unknown',
    bootId: status?.nodeInfo?.bootID ?? '',
  };
}

const Owner = v.object({ kind: v.string(), controller: v.nullish(v.boolean(), false) });
const Pod = v.object({
  metadata: v.object({
    name: v.string(),
    namespace: v.string(),
    uid: v.string(),
    annotations: map,
    ownerReferences: list(Owner),
    deletionTimestamp: v.nullish(v.string()),
  }),
  status: v.optional(v.object({ phase: v.nullish(v.string()) })),
});

/** Of a static pod: the API server has only its mirror. */
const MIRROR = 'kubernetes.io/config.mirror';
const FINISHED = ['Succeeded', 'Failed'];

/**
 * How a pod leaves its node. `stays`: a static pod, one of a DaemonSet, or a finished one. `goes`: its controller makes
 * it again elsewhere. `lost`: nothing would make it again.
 */
export type Fate = 'stays' | 'goes' | 'lost';

/** A pod of the node. */
export interface PodView {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly fate: Fate;
  readonly isTerminating: boolean;
}

function fateOf({ metadata, status }: v.InferOutput<typeof Pod>): Fate {
  const controller = metadata.ownerReferences?.find((owner) => owner.controller);
  const isStatic = metadata.annotations?.[MIRROR] !== undefined;
  if (isStatic || FINISHED.includes(status?.phase ?? '')) return 'stays';
  if (controller === undefined) return 'lost';
  return controller.kind === 'DaemonSet' || controller.kind === 'Node' ? 'stays' : 'goes';
}

export function podView(object: unknown): PodView {
  const pod = v.parse(Pod, object);
  const { name, namespace, uid, deletionTimestamp } = pod.metadata;
  const isTerminating = deletionTimestamp !== undefined && deletionTimestamp !== null;
  return { namespace, name, uid, fate: fateOf(pod), isTerminating };
}

const Lease = v.object({
  metadata: v.object({ resourceVersion: v.string() }),
  spec: v.nullish(v.object({ holderIdentity: v.nullish(v.string()) })),
});

/** Where the API server has the Lease; only examples/lifecycle makes it. */
export const LEASE_PATH =
  '/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/kios-lifecycle';

/** The Lease by which agents agree, with the names of the nodes whose turn it is. */
export interface LeaseView {
  readonly resourceVersion: string;
  readonly holders: readonly string[];
}

export function leaseView(object: unknown): LeaseView {
  const { metadata, spec } = v.parse(Lease, object);
  const holders = (spec?.holderIdentity ?? '').split(',').filter((name) => name !== '');
  return { resourceVersion: metadata.resourceVersion, holders };
}

import * as v from 'valibot';

import type { Gatherer } from './gather.ts';
import { STATE } from './parts.ts';

/** Kubernetes writes a time that nobody has set as null. */
const text = v.nullish(v.string(), '');
const number = v.nullish(v.number(), 0);
/** A list without entries may be null on the wire. */
const list = <const Schema extends v.GenericSchema>(schema: Schema) =>
  v.fallback(v.array(schema), []);

const Condition = v.object({
  type: v.string(),
  status: v.string(),
  reason: text,
  message: text,
  lastTransitionTime: text,
});
export type Condition = v.InferOutput<typeof Condition>;

const Node = v.object({
  metadata: v.object({ name: v.string(), creationTimestamp: text }),
  spec: v.optional(v.object({ unschedulable: v.optional(v.boolean(), false) }), {}),
  status: v.optional(
    v.object({
      conditions: list(Condition),
      addresses: list(v.object({ type: v.string(), address: v.string() })),
      nodeInfo: v.optional(
        v.object({
          kubeletVersion: text,
          kernelVersion: text,
          osImage: text,
          containerRuntimeVersion: text,
          architecture: text,
        }),
      ),
    }),
    { conditions: [], addresses: [] },
  ),
});
export type NodeFacts = v.InferOutput<typeof Node>;

const Lease = v.object({ spec: v.object({ renewTime: v.string() }) });

const Ended = v.object({ reason: text, exitCode: number, finishedAt: text });
const ContainerState = v.object({
  waiting: v.optional(v.object({ reason: text })),
  terminated: v.optional(Ended),
});
const ContainerStatus = v.object({
  name: v.string(),
  ready: v.optional(v.boolean(), false),
  restartCount: number,
  state: v.optional(ContainerState, {}),
  lastState: v.optional(ContainerState, {}),
});
const Pods = v.object({
  items: list(
    v.object({
      metadata: v.object({ namespace: v.string(), name: v.string(), annotations: v.optional(v.record(v.string(), v.string()), {}) }), // prettier-ignore
      status: v.object({
        phase: text,
        initContainerStatuses: list(ContainerStatus),
        containerStatuses: list(ContainerStatus),
      }),
    }),
  ),
});
export type PodFacts = v.InferOutput<typeof Pods>['items'][number];

/** The containers of a pod, in the order in which they start. */
export const containersOf = ({
  status,
}: PodFacts): readonly v.InferOutput<typeof ContainerStatus>[] => [
  ...status.initContainerStatuses,
  ...status.containerStatuses,
];

const Events = v.object({
  items: list(
    v.object({
      type: text,
      reason: text,
      message: text,
      count: v.nullish(v.number(), 1),
      lastTimestamp: v.nullish(v.string(), ''),
      eventTime: v.nullish(v.string(), ''),
      involvedObject: v.object({ kind: text, name: text }),
    }),
  ),
});
export type EventFacts = v.InferOutput<typeof Events>['items'][number];

const Requests = v.object({
  items: list(
    v.object({
      metadata: v.object({ name: v.string() }),
      status: v.optional(v.object({ conditions: list(v.object({ type: v.string() })) }), {
        conditions: [],
      }),
    }),
  ),
});
export type RequestFacts = v.InferOutput<typeof Requests>['items'][number];

const Version = v.object({ gitVersion: v.string() });

const HostFault = v.object({ code: v.string(), cause: text, remedy: text, by: text });
/** What init writes of the node, `/var/log/kios/state.json` (docs/host-api.md, section 2). */
const State = v.object({
  v: v.literal(1),
  up: v.number(),
  addresses: list(v.string()),
  programs: list(v.object({ name: v.string(), starts: v.number(), ends: v.number() })),
  last: list(HostFault),
  boot: v.optional(v.object({ version: text, kernel: text, data: text })),
  clock: v.optional(v.object({ sane: v.boolean(), synced: v.boolean(), source: text, offset: v.optional(v.number()) })), // prettier-ignore
  faults: v.optional(v.object({ faults: list(HostFault) })),
  mounts: list(v.unknown()),
  loadedModules: list(v.string()),
});
export type HostFacts = v.InferOutput<typeof State>;

/** What a bundle says about a node, as far as it could be gathered. */
export interface Facts {
  readonly name: string;
  readonly node: NodeFacts | undefined;
  /** Whether the cluster has no such node, in place of not telling. */
  readonly isAbsent: boolean;
  readonly server: string | undefined;
  /** How old kubelet's lease was when it was read. */
  readonly leaseSeconds: number | undefined;
  readonly pods: readonly PodFacts[];
  readonly events: readonly EventFacts[];
  readonly requests: readonly RequestFacts[];
  readonly host: HostFacts | undefined;
  readonly aheadSeconds: number | undefined;
  /** The API server's clock, in milliseconds since the epoch. */
  readonly now: number;
  readonly isKubeletReached: boolean;
}

/** Reads a part. One of another form than expected counts as not there. */
function read<Value>(
  gatherer: Gatherer,
  schema: v.GenericSchema<unknown, Value>,
  file: string,
): Value | undefined {
  const parsed = v.safeParse(schema, gatherer.value(file));
  return parsed.success ? parsed.output : undefined;
}

/** Reads the entries of a list; one that is not there has none. */
const itemsOf = <Item>(
  gatherer: Gatherer,
  schema: v.GenericSchema<unknown, { readonly items: readonly Item[] }>,
  file: string,
): readonly Item[] => read(gatherer, schema, file)?.items ?? [];

/** All else takes longer than a lease may be old, so its age is that at its arrival. */
function leaseAge(gatherer: Gatherer): number | undefined {
  const file = 'api/lease.json';
  const renewed = Date.parse(read(gatherer, Lease, file)?.spec.renewTime ?? '');
  const readAt = gatherer.apiTimeOf(file);
  if (readAt === undefined || Number.isNaN(renewed)) return undefined;
  return Math.round((readAt - renewed) / 1000);
}

/** Reads what was gathered. */
export function factsOf(name: string, gatherer: Gatherer, isKubeletReached: boolean): Facts {
  const nodeOutcome = gatherer.gathered.find(({ file }) => file === 'api/node.json')?.outcome;
  return {
    name,
    node: read(gatherer, Node, 'api/node.json'),
    isAbsent: nodeOutcome === 'absent',
    server: read(gatherer, Version, 'api/version.json')?.gitVersion,
    leaseSeconds: leaseAge(gatherer),
    pods: itemsOf(gatherer, Pods, 'api/pods.json'),
    events: [
      ...itemsOf(gatherer, Events, 'api/events-node.json'),
      ...itemsOf(gatherer, Events, 'api/events-pods.json'),
    ],
    requests: itemsOf(gatherer, Requests, 'api/requests.json'),
    host: read(gatherer, State, STATE),
    aheadSeconds: gatherer.aheadSeconds,
    now: gatherer.apiNow,
    isKubeletReached,
  };
}

import * as v from 'valibot';

import type { ProcessMemory } from '../../../guest/src/memory-facts.ts';

const Statuses = v.optional(
  v.array(v.object({ name: v.string(), containerID: v.optional(v.string(), '') })),
  [],
);

/** The parts of `kubectl get pods --all-namespaces` that tell whose a process is. */
export const PodList = v.object({
  items: v.array(
    v.object({
      metadata: v.object({
        namespace: v.string(),
        name: v.string(),
        uid: v.string(),
        annotations: v.optional(v.record(v.string(), v.string()), {}),
      }),
      status: v.optional(
        v.object({ containerStatuses: Statuses, initContainerStatuses: Statuses }),
        {},
      ),
    }),
  ),
});

/** Annotation with the uid by which kubelet knows a static pod; the API server has another. */
const STATIC_UID = 'kubernetes.io/config.hash';

/** Names of pods by kubelet's uid, and of containers by their id. */
export interface Names {
  readonly pods: ReadonlyMap<string, string>;
  readonly containers: ReadonlyMap<string, string>;
}

/** Returns the names in a list of pods. */
export function namesIn({ items }: v.InferOutput<typeof PodList>): Names {
  const pods = new Map<string, string>();
  const containers = new Map<string, string>();
  for (const { metadata, status } of items) {
    const pod = `${metadata.namespace}/${metadata.name}`;
    pods.set(metadata.annotations[STATIC_UID] ?? metadata.uid, pod);
    const { containerStatuses, initContainerStatuses } = status;
    for (const { name, containerID } of [...containerStatuses, ...initContainerStatuses])
      containers.set(containerID.replace(/^\w+:\/\//, ''), `${pod}/${name}`);
  }
  return { pods, containers };
}

/** What a process is there for: `infrastructure` is a pod's shim and sandbox. */
export type Kind = 'host' | 'infrastructure' | 'pod' | 'probe';

export interface Owner {
  readonly kind: Kind;
  /** The pod, or the pod and its container; empty for the host's own. */
  readonly name: string;
}

/** What is known of a process. */
export type Known = Pick<ProcessMemory, 'pid' | 'name' | 'command' | 'cgroup'>;

export interface Probe {
  readonly pid: number;
  readonly shim: number;
}

/** The probe's own control group, or one beside it, as the probe sees them. */
const OWN_POD = /^0::\/(?:\.\.\/[^/.]+)?$/;
const IN_POD = /\/pod([^/]+)\/([^/]+)/;
const SHIM = 'containerd-shim';

type Place = readonly [uid: string, container: string];

function placeOf({ cgroup }: Known): Place | undefined {
  const [, uid, container] = IN_POD.exec(cgroup) ?? [];
  return uid === undefined || container === undefined ? undefined : [uid, container];
}

function ownerOfPod([uid, container]: Place, { name }: Known, { pods, containers }: Names): Owner {
  const inside = containers.get(container);
  if (inside !== undefined) return { kind: 'pod', name: inside };
  const pod = pods.get(uid) ?? `pod ${uid}`;
  return { kind: name === 'pause' ? 'infrastructure' : 'pod', name: pod };
}

/** Returns whose each process is, by its number. */
export function ownersOf(
  processes: readonly Known[],
  names: Names,
  probe: Probe,
): Map<number, Owner> {
  /** Pods by the id of their sandbox, which a shim is started with. */
  const sandboxes = new Map<string, string>();
  for (const process of processes) {
    const place = placeOf(process);
    if (place !== undefined) sandboxes.set(place[1], names.pods.get(place[0]) ?? `pod ${place[0]}`);
  }
  const ownerOf = (process: Known): Owner => {
    const { pid, name, command, cgroup } = process;
    if (pid === probe.pid || pid === probe.shim || OWN_POD.test(cgroup))
      return { kind: 'probe', name: 'the probe' };
    if (name.startsWith(SHIM)) {
      const sandbox = / -id (\S+)/.exec(command)?.[1] ?? '';
      return { kind: 'infrastructure', name: sandboxes.get(sandbox) ?? '' };
    }
    const place = placeOf(process);
    return place === undefined ? { kind: 'host', name: '' } : ownerOfPod(place, process, names);
  };
  return new Map(processes.map((process) => [process.pid, ownerOf(process)]));
}

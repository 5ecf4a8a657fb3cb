import * as v from 'valibot';

import type { Kubectl } from '../../lab/kubectl.ts';
import { demand, type Assertion } from './assertion.ts';
import { capabilityNames } from './capabilities.ts';
import type { HostFacts, HostProcess } from './host-facts.ts';

const Container = v.object({
  name: v.string(),
  securityContext: v.optional(
    v.object({ capabilities: v.optional(v.object({ add: v.optional(v.array(v.string()), []) })) }),
  ),
});

const ContainerStatus = v.object({
  name: v.string(),
  restartCount: v.number(),
  containerID: v.optional(v.string(), ''),
  state: v.object({ running: v.optional(v.object({ startedAt: v.string() })) }),
  lastState: v.optional(
    v.object({ terminated: v.optional(v.object({ startedAt: v.nullish(v.string()) })) }),
    {},
  ),
});

/**
 * Says whether kubelet recorded the previous attempt of a container as one that never started, as when a restart of
 * kubelet interrupts its creation. Without a record the attempt counts as a restart.
 */
function neverRan({ lastState: { terminated } }: v.InferOutput<typeof ContainerStatus>): boolean {
  if (terminated === undefined) return false;
  return !(Date.parse(terminated.startedAt ?? '') > 0);
}

const Pod = v.object({
  metadata: v.object({
    name: v.string(),
    namespace: v.string(),
    annotations: v.optional(v.record(v.string(), v.string()), {}),
  }),
  spec: v.object({ containers: v.array(Container) }),
  status: v.object({ containerStatuses: v.optional(v.array(ContainerStatus), []) }),
});

const Pods = v.object({ items: v.array(Pod) });

/** A running container of a static pod. */
interface StaticContainer {
  readonly title: string;
  readonly id: string;
  /** Restarts of a container that had run; an attempt that never started is not one. */
  readonly restarts: number;
  readonly capabilities: readonly string[];
}

/** Returns the running containers of the pods that kubelet read from files. */
export async function staticContainers(kubectl: Kubectl): Promise<StaticContainer[]> {
  const { items } = v.parse(Pods, await kubectl.get('pods', '-A'));
  const fromFiles = items.filter(
    ({ metadata }) => metadata.annotations['kubernetes.io/config.source'] === 'file',
  );
  return fromFiles.flatMap(({ metadata, spec, status }) =>
    status.containerStatuses
      .filter(({ state }) => state.running !== undefined)
      .map((container) => {
        const declared = spec.containers.find(({ name }) => name === container.name);
        return {
          title: `${metadata.name}/${container.name}`,
          id: container.containerID.replace(/^.*:\/\//, ''),
          restarts: neverRan(container) ? 0 : container.restartCount,
          capabilities: declared?.securityContext?.capabilities?.add.toSorted() ?? [],
        };
      }),
  );
}

const processesOf = ({ processes }: HostFacts, id: string): HostProcess[] =>
  processes.filter(({ cgroup }) => id !== '' && cgroup.includes(id));

const differs = (process: HostProcess, wanted: readonly string[]): string | undefined => {
  const { permitted, effective, bounding } = process.capabilities;
  const found = { permitted, effective, bounding };
  for (const [set, mask] of Object.entries(found)) {
    const names = capabilityNames(mask).join(' ');
    if (names !== wanted.join(' ')) return `${process.name}: ${set} set is [${names}]`;
  }
  return undefined;
};

export const STATIC_POD_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'static pods have exactly the capabilities of their manifests',
    check: async ({ kubectl, lookAtHost }) => {
      const containers = await staticContainers(kubectl);
      demand(containers.length > 0, 'no static pod runs');
      const facts = await lookAtHost();
      for (const { title, id, capabilities } of containers) {
        const processes = processesOf(facts, id);
        demand(processes.length > 0, `no process of ${title} was found`);
        for (const process of processes) {
          const wrong = differs(process, capabilities);
          demand(wrong === undefined, `${title}, manifest [${capabilities.join(' ')}]: ${wrong}`);
        }
      }
      return containers
        .map(({ title, capabilities }) => `${title} [${capabilities.join(' ')}]`)
        .join(', ');
    },
  },
  {
    name: 'no container of a static pod restarted when bootstrap set the host name',
    check: async ({ kubectl }) => {
      const containers = await staticContainers(kubectl);
      const restarted = containers.filter(({ restarts }) => restarts > 0);
      const list = restarted.map(({ title, restarts }) => `${title} ${restarts} times`);
      demand(restarted.length === 0, `restarted: ${list.join(', ')}`);
      return `${containers.length} containers, no restart`;
    },
  },
];

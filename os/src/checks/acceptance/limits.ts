import type { ContainerFacts } from '../../../guest/src/container-facts.ts';
import type { HostFacts, HostProcess } from '../../../guest/src/host-facts.ts';
import { demand, type Assertion } from './assertion.ts';
import { capabilityNames } from './capabilities.ts';
import { type ShippedPod, shippedPods } from './shipped-pods.ts';
import { attemptsOf } from './static-pods.ts';

const SECCOMP_FILTER = 2;

type Sets = Readonly<Record<'permitted' | 'effective' | 'bounding' | 'inheritable' | 'ambient', readonly string[]>>; // prettier-ignore

/** Returns a set of capabilities that differs from the wanted one. No pod hands any on to the programs it runs. */
function wrongSet(sets: Sets, wanted: readonly string[]): string | undefined {
  for (const [set, names] of Object.entries(sets)) {
    const expected = set === 'inheritable' || set === 'ambient' ? [] : wanted;
    if (names.toSorted().join(' ') !== expected.join(' ')) return `${set} set [${names.join(' ')}]`;
  }
  return undefined;
}

const bare = (names: readonly string[] = []): string[] =>
  names.map((name) => name.replace(/^CAP_/, ''));

/** Returns what differs between a container's specification and its manifest. */
export function specFault({ spec }: ContainerFacts, wanted: readonly string[]): string | undefined {
  const { capabilities } = spec.process;
  const sets: Sets = {
    permitted: bare(capabilities.permitted),
    effective: bare(capabilities.effective),
    bounding: bare(capabilities.bounding),
    inheritable: bare(capabilities.inheritable),
    ambient: bare(capabilities.ambient),
  };
  if (!spec.process.noNewPrivileges) return 'it may gain privileges';
  if (spec.linux.seccomp?.defaultAction !== 'SCMP_ACT_ERRNO') return 'no seccomp filter';
  if (!spec.root.readonly) return 'its root can be written';
  return wrongSet(sets, wanted);
}

/** Returns what differs between a process, as the kernel sees it, and the manifest. */
export function processFault(process: HostProcess, wanted: readonly string[]): string | undefined {
  const { permitted, effective, bounding, inheritable, ambient } = process.capabilities;
  const sets: Sets = {
    permitted: capabilityNames(permitted),
    effective: capabilityNames(effective),
    bounding: capabilityNames(bounding),
    inheritable: capabilityNames(inheritable),
    ambient: capabilityNames(ambient),
  };
  if (!process.noNewPrivileges) return `${process.name} may gain privileges`;
  if (process.seccomp !== SECCOMP_FILTER) return `${process.name} has no seccomp filter`;
  const wrong = wrongSet(sets, wanted);
  return wrong === undefined ? undefined : `${process.name} has ${wrong}`;
}

interface Attempt {
  readonly title: string;
  readonly wanted: readonly string[];
  readonly container: ContainerFacts;
}

/** Returns every attempt of every container of the shipped pods. Fails when a container has none. */
const attempts = (facts: HostFacts, pods: readonly ShippedPod[]): Attempt[] =>
  pods.flatMap((pod) =>
    pod.containers.flatMap(({ name, capabilities }) => {
      const found = attemptsOf(facts, pod, name);
      const title = `${pod.name}/${name}`;
      demand(found.length > 0, `containerd knows no container ${title}`);
      return found.map((container) => ({ title, wanted: capabilities, container }));
    }),
  );

export const LIMIT_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'containers of static pods, init containers too, were started with their manifests’ capabilities, seccomp and no_new_privs',
    check: async ({ lookAtHost }) => {
      const all = attempts(await lookAtHost(), await shippedPods());
      const faults = all.flatMap(({ title, wanted, container }) => {
        const fault = specFault(container, wanted);
        return fault === undefined ? [] : [`${title}, manifest [${wanted.join(' ')}]: ${fault}`];
      });
      demand(faults.length === 0, faults.join('; '));
      return all.map(({ title, wanted }) => `${title} [${wanted.join(' ')}]`).join(', ');
    },
  },
  {
    name: 'processes of static pods have exactly those capabilities, a seccomp filter and no_new_privs',
    check: async ({ lookAtHost }) => {
      const facts = await lookAtHost();
      const running = attempts(facts, await shippedPods()).filter(
        ({ container }) => container.state === 'running',
      );
      let count = 0;
      for (const { title, wanted, container } of running) {
        const processes = facts.processes.filter(({ cgroup }) => cgroup.includes(container.id));
        demand(processes.length > 0, `no process of ${title} was found`);
        count += processes.length;
        for (const process of processes) {
          const fault = processFault(process, wanted);
          demand(fault === undefined, `${title}, manifest [${wanted.join(' ')}]: ${fault}`);
        }
      }
      return `${count} processes of ${running.length} containers`;
    },
  },
];

import { readFile } from 'node:fs/promises';

import * as v from 'valibot';

import type { ContainerFacts } from '../../../guest/src/container-facts.ts';
import type { HostFacts } from '../../../guest/src/host-facts.ts';
import type { Kubectl } from '../../lab/kubectl.ts';
import { demand, type Assertion, type Subject } from './assertion.ts';
import { type ShippedPod, shippedPods } from './shipped-pods.ts';
import { startedBeforeJoin } from './started.ts';

/** Kubelet shows its static pods to the API server one by one after the node is Ready. */
const SHOWN = '--timeout=60s';
const READY = '--timeout=110s';

const ContainerStatus = v.object({
  name: v.string(),
  ready: v.boolean(),
  restartCount: v.number(),
  containerID: v.optional(v.string(), ''),
  state: v.object({ running: v.optional(v.object({ startedAt: v.string() })) }),
});

const Pod = v.object({
  metadata: v.object({
    name: v.string(),
    annotations: v.optional(v.record(v.string(), v.string()), {}),
  }),
  status: v.object({
    phase: v.string(),
    containerStatuses: v.optional(v.array(ContainerStatus), []),
    initContainerStatuses: v.optional(v.array(ContainerStatus), []),
  }),
});

const Pods = v.object({ items: v.array(Pod) });

/** A running container of a static pod. */
interface StaticContainer {
  readonly title: string;
  readonly id: string;
  /** UID that the pod has on the node; its mirror in the API server has another one. */
  readonly podUid: string;
}

/** Returns the pods that kubelet read from files. */
async function staticPods(kubectl: Kubectl): Promise<v.InferOutput<typeof Pod>[]> {
  const { items } = v.parse(Pods, await kubectl.get('pods', '-A'));
  return items.filter(
    ({ metadata }) => metadata.annotations['kubernetes.io/config.source'] === 'file',
  );
}

/** Returns the running containers of the pods that kubelet read from files. */
export async function staticContainers(kubectl: Kubectl): Promise<StaticContainer[]> {
  const pods = await staticPods(kubectl);
  return pods.flatMap(({ metadata, status }) =>
    status.containerStatuses
      .filter(({ state }) => state.running !== undefined)
      .map((container) => ({
        title: `${metadata.name}/${container.name}`,
        id: container.containerID.replace(/^.*:\/\//, ''),
        podUid: metadata.annotations['kubernetes.io/config.hash'] ?? '',
      })),
  );
}

/** Returns the containers of static pods that were made more than once, of which some may never have run. */
async function restarted(kubectl: Kubectl): Promise<string[]> {
  const pods = await staticPods(kubectl);
  return pods.flatMap(({ metadata, status }) =>
    [...status.initContainerStatuses, ...status.containerStatuses]
      .filter(({ restartCount }) => restartCount > 0)
      .map(({ name, restartCount }) => `${metadata.name}/${name} ${restartCount} times`),
  );
}

/** Waits until a pod that stays is Ready, and returns what is wrong with its containers. */
async function faultsOf(
  { kubectl, nodeName }: Pick<Subject, 'kubectl' | 'nodeName'>,
  pod: ShippedPod,
): Promise<string[]> {
  const name = `${pod.name}-${nodeName}`;
  const args = ['-n', pod.namespace, `pod/${name}`];
  await kubectl.call(['wait', '--for=create', SHOWN, ...args]);
  await kubectl.call(['wait', '--for=condition=Ready', READY, ...args]);
  const { status } = v.parse(Pod, await kubectl.get('-n', pod.namespace, 'pod', name));
  const staying = pod.containers.filter(({ ends }) => !ends);
  const down = staying.filter((container) => {
    const found = status.containerStatuses.find((one) => one.name === container.name);
    return found?.state.running === undefined || !found.ready;
  });
  if (status.phase !== 'Running') return [`${name} is ${status.phase}`];
  return down.map((container) => `${name}/${container.name} does not run`);
}

/** Returns the attempts of a shipped container: kubelet appends the host name to the name of a static pod. */
export const attemptsOf = (
  { containers }: HostFacts,
  pod: ShippedPod,
  container: string,
): ContainerFacts[] =>
  containers.filter(
    (found) =>
      found.namespace === pod.namespace &&
      found.pod.startsWith(`${pod.name}-`) &&
      found.name === container,
  );

/**
 * Returns the containers of shipped pods that the host does not have as they should be. Kubelet removes all containers
 * of a pod that has ended when it needs space: `isCleared` takes a pod that ends and has none left for one that ended.
 */
const unlike = (facts: HostFacts, pods: readonly ShippedPod[], isCleared: boolean): string[] =>
  pods.flatMap((pod) =>
    pod.containers.flatMap(({ name, ends }) => {
      const attempts = attemptsOf(facts, pod, name);
      if (isCleared && pod.ends && attempts.length === 0) return [];
      const isRight = ends
        ? attempts.some(({ state, exitCode }) => state === 'exited' && exitCode === 0)
        : attempts.some(({ state }) => state === 'running');
      const fault = ends ? 'has not ended with 0' : 'does not run';
      return isRight ? [] : [`${pod.name}/${name} ${fault}`];
    }),
  );

type NodeSubject = Pick<Subject, 'kubectl' | 'nodeName' | 'lookAtHost'>;

/**
 * Demands that every shipped pod runs or has ended well. The host is asked besides the API server, which may still show
 * a boot before. `isCleared` is for a node whose disk was full.
 */
export async function checkStaticPods(subject: NodeSubject, isCleared = false): Promise<string> {
  const pods = await shippedPods();
  const staying = pods.filter(({ ends }) => !ends);
  const faults: string[] = [];
  for (const pod of staying) faults.push(...(await faultsOf(subject, pod)));
  faults.push(...unlike(await subject.lookAtHost('afresh'), pods, isCleared));
  demand(pods.length > 0 && faults.length === 0, faults.join('; '));
  return `${staying.length} run, ${pods.length - staying.length} ended`;
}

export const STATIC_POD_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'every static pod of the image runs with all its containers, or has ended well by design',
    check: (subject) => checkStaticPods(subject),
  },
  {
    name: 'when bootstrap set the host name, every static pod kept its UID, its sandbox and its containers',
    check: async ({ kubectl, machine, lookAtHost }) => {
      const before = startedBeforeJoin(await readFile(machine.file('hostLogs'), 'utf8'));
      demand(
        before.some(({ pod }) => pod.startsWith('bootstrap-')),
        'the host’s log does not show that bootstrap ran before the node joined',
      );
      const { containers } = await lookAtHost();
      const shown = await staticContainers(kubectl);
      for (const old of before) {
        const title = `${old.pod}/${old.name}`;
        const now = containers.find(({ id }) => id === old.id);
        demand(now !== undefined, `container ${old.id} of ${title} is gone`);
        demand(now.podUid === old.podUid && now.sandbox === old.sandbox, `${title} moved to another pod`); // prettier-ignore
        const others = containers.filter(
          ({ podUid, sandbox }) => podUid === old.podUid && sandbox !== old.sandbox,
        );
        demand(others.length === 0, `${title}: its pod has another sandbox`);
        if (now.state === 'exited') continue;
        const known = shown.find(({ id }) => id === old.id);
        demand(known?.podUid === old.podUid, `the API server does not show ${title} with its UID`);
      }
      return `${before.length} containers of ${new Set(before.map(({ podUid }) => podUid)).size} pods from before`;
    },
  },
  {
    name: 'no container of a static pod was made a second time, whatever kubelet was doing when it was restarted to join',
    check: async ({ kubectl }) => {
      const again = await restarted(kubectl);
      demand(again.length === 0, `restarted: ${again.join(', ')}`);
      return 'no restart';
    },
  },
];

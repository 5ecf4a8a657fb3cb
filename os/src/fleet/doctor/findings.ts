import {
  type Condition,
  containersOf,
  type EventFacts,
  type Facts,
  type PodFacts,
} from './facts.ts';
import { isOwnPod } from './reduce.ts';

const LEASE_SECONDS = 40;
const CLOCK_SECONDS = 5;
/** Kubernetes' version skew policy: kubelet is never newer, and at most three minor versions older. */
const OLDER_MINORS = 3;
const RECENT_MS = 60 * 60 * 1000;
const MOST_EVENTS = 10;

/** Conditions that say with True that all is well. Kubernetes' others say with True that something is wrong. */
const isGood = (type: string): boolean =>
  type === 'Ready' || type === 'ClockSynchronized' || type.startsWith('Kios');

/** A node without a disk is meant to be one. */
const isMeant = ({ type, reason }: Condition): boolean =>
  type === 'StateInMemory' && reason === 'NoDataPartition';

const isBad = (condition: Condition): boolean => {
  const { type, status } = condition;
  return status === 'Unknown' || (status === (isGood(type) ? 'False' : 'True') && !isMeant(condition)); // prettier-ignore
};

const sentence = (text: string): string => text.replaceAll(/\s+/g, ' ').trim().replace(/\.*$/, '.');

const messagesOf = ({ node }: Facts): string =>
  (node?.status.conditions ?? []).map(({ message }) => message).join('\n');

/** The node tells a fault of its clock from these same signs, with a remedy. */
function isClockFaultTold(facts: Facts): boolean {
  const codes = (facts.host?.faults?.faults ?? []).map(({ code }) => code);
  return [messagesOf(facts), ...codes].some((text) => /KIOS_FAULT_CLOCK_/.test(text));
}

const isUnsynced = ({ type, status }: Condition): boolean =>
  type === 'ClockSynchronized' && status === 'False';

function conditions(facts: Facts): string[] {
  const isTold = isClockFaultTold(facts);
  const bad = (facts.node?.status.conditions ?? []).filter(isBad);
  const own = bad.filter((condition) => !isTold || !isUnsynced(condition));
  return own.map(({ type, status, ...rest }) => {
    const { reason, message, lastTransitionTime: since } = rest;
    const [because, begun] = [
      reason === '' ? '' : ` (${reason})`,
      since === '' ? '' : ` since ${since}`,
    ];
    return sentence(`${type} is ${status}${because}${begun}: ${message}`);
  });
}

function presence(facts: Facts): string[] {
  const { name, isAbsent, requests } = facts;
  const pending = requests.filter(({ status }) => status.conditions.length === 0);
  const waiting = pending.map(
    ({ metadata }) =>
      `The request ${metadata.name} of ${name} for a certificate waits to be approved: kubectl certificate approve ${metadata.name}.`,
  );
  return isAbsent
    ? [
        `The cluster has no node ${name}: it has not joined, or was deleted. Its console says why.`,
        ...waiting,
      ]
    : waiting;
}

function heartbeat({ leaseSeconds, isAbsent }: Facts): string[] {
  if (leaseSeconds === undefined || isAbsent) return [];
  return leaseSeconds > LEASE_SECONDS
    ? [`Kubelet renewed its lease ${leaseSeconds} s ago, in place of each 10 s.`]
    : [];
}

function reach({ isKubeletReached, isAbsent }: Facts): string[] {
  return isKubeletReached || isAbsent
    ? []
    : ['The API server does not reach kubelet, so that logs and what kubelet tells are missing.'];
}

function drift({ aheadSeconds = 0 }: Facts): string[] {
  if (Math.abs(aheadSeconds) <= CLOCK_SECONDS) return [];
  const way = aheadSeconds > 0 ? 'ahead of' : 'behind';
  return [`The node's clock is ${Math.abs(aheadSeconds)} s ${way} the API server's.`];
}

/** What the node's own account says of its clock, where nothing else has said it. */
function clock(facts: Facts): string[] {
  const { host, node } = facts;
  if (isClockFaultTold(facts) || node?.status.conditions.some(isUnsynced) === true) return [];
  if (host?.clock?.sane === false) return ["The node's clock cannot be right."];
  return host?.clock?.synced === false ? ["The node's clock follows no time source."] : [];
}

const minorOf = (version: string | undefined): number | undefined => {
  const minor = /^v\d+\.(\d+)/.exec(version ?? '')?.[1];
  return minor === undefined ? undefined : Number(minor);
};

function skew({ node, server }: Facts): string[] {
  const kubelet = node?.status.nodeInfo?.kubeletVersion;
  const [own, others] = [minorOf(kubelet), minorOf(server)];
  if (own === undefined || others === undefined) return [];
  if (own > others) return [`Kubelet ${kubelet} is newer than the API server ${server}.`];
  return others - own > OLDER_MINORS
    ? [
        `Kubelet ${kubelet} is more than ${OLDER_MINORS} minor versions older than the API server ${server}.`,
      ]
    : [];
}

/** What is wrong by the node's own account, which may be all that there is while it cannot reach the API server. */
function hostFaults(facts: Facts): string[] {
  const told = messagesOf(facts);
  return (facts.host?.faults?.faults ?? [])
    .filter(({ code }) => !told.includes(code))
    .map(
      ({ code, cause, remedy }) => `${sentence(`The node cannot ${cause}`)} ${remedy} [${code}]`,
    );
}

function podFaults(pod: PodFacts): string[] {
  const { name } = pod.metadata;
  const { phase } = pod.status;
  const waits = containersOf(pod).flatMap(({ name: container, state }) => {
    const reason = state.waiting?.reason ?? '';
    return reason === '' || reason === 'ContainerCreating' || reason === 'PodInitializing'
      ? []
      : [`The pod ${name} waits with its container ${container}: ${reason}.`];
  });
  if (waits.length > 0 || phase === 'Running' || phase === 'Succeeded') return waits;
  return [`The pod ${name} is ${phase === '' ? 'of no phase' : phase}.`];
}

/** What is wrong with the node, the most telling first. */
export const findings = (facts: Facts): readonly string[] => [
  ...presence(facts),
  ...conditions(facts),
  ...hostFaults(facts),
  ...reach(facts),
  ...heartbeat(facts),
  ...drift(facts),
  ...clock(facts),
  ...skew(facts),
  ...facts.pods.filter(isOwnPod).flatMap(podFaults),
];

const timeOf = ({ lastTimestamp, eventTime }: EventFacts): number =>
  Date.parse(lastTimestamp || eventTime || '');

function recentWarnings({ events, pods, name, now }: Facts): string[] {
  const own = new Set([name, ...pods.map(({ metadata }) => metadata.name)]);
  return events
    .filter((event) => event.type === 'Warning' && own.has(event.involvedObject.name))
    .filter((event) => now - timeOf(event) < RECENT_MS)
    .toSorted((a, b) => timeOf(b) - timeOf(a))
    .slice(0, MOST_EVENTS)
    .map(({ involvedObject, reason, message, count }) =>
      sentence(`${involvedObject.name}: ${reason} (${count}×): ${message}`),
    );
}

function restarts({ pods }: Facts): string[] {
  return pods.filter(isOwnPod).flatMap((pod) =>
    containersOf(pod).flatMap(({ name, restartCount, lastState }) => {
      if (restartCount === 0) return [];
      const { reason = '', exitCode = 0, finishedAt = '' } = lastState.terminated ?? {};
      const last =
        finishedAt === '' ? '' : `, the last time at ${finishedAt} by ${reason}, code ${exitCode}`;
      return [`${pod.metadata.name}: ${name} was started again ${restartCount} times${last}.`];
    }),
  );
}

function hostNotes({ host, node }: Facts): string[] {
  const ends = (host?.programs ?? []).filter(({ ends: count }) => count > 0);
  return [
    ...(node?.spec.unschedulable === true ? ['The node takes no new pods: it is cordoned.'] : []),
    ...(host?.boot?.data === 'ram' ? ["The node's state is in RAM and lost at a reboot."] : []),
    ...ends.map(
      (program) => `${program.name} has ended ${program.ends} times by itself in this boot.`,
    ),
    ...(host?.last ?? []).map(({ code, cause, by }) =>
      sentence(`In this boot ${by} said ${code}: cannot ${cause}`),
    ),
  ];
}

/** What may explain it, and is no fault by itself. */
export const notes = (facts: Facts): readonly string[] => [
  ...hostNotes(facts),
  ...restarts(facts),
  ...recentWarnings(facts),
];

const joined = (parts: readonly (string | undefined)[], by: string): string | undefined =>
  parts.filter(Boolean).join(by) || undefined;

function namesOf({ name, node, host }: Facts): string {
  const addresses = node?.status.addresses.map(({ address }) => address) ?? host?.addresses ?? [];
  return [name, ...addresses.filter((address) => address !== name)].join(', ');
}

function imageOf({ node, host }: Facts): string | undefined {
  const info = node?.status.nodeInfo;
  const image = host?.boot === undefined ? info?.osImage : `kiOS ${host.boot.version}`;
  return joined([image, info?.architecture], ', ');
}

function clockOf({ host, aheadSeconds }: Facts): string | undefined {
  const { synced = false, source = '', offset } = host?.clock ?? {};
  const by = offset === undefined ? '' : `, offset ${offset} s`;
  const ahead =
    aheadSeconds === undefined ? undefined : `${aheadSeconds} s ahead of the API server's (±2 s)`;
  return joined([synced ? `follows ${source}${by}` : undefined, ahead], '; ');
}

/** What the node is, a line each. */
export function identity(facts: Facts): readonly string[] {
  const { node, server, host } = facts;
  const info = node?.status.nodeInfo;
  const rows: readonly (readonly [string, string | undefined])[] = [
    ['node', namesOf(facts)],
    ['image', imageOf(facts)],
    ['kernel', info?.kernelVersion],
    ['kubelet', info?.kubeletVersion],
    ['runtime', info?.containerRuntimeVersion],
    ['API server', server],
    ['clock', clockOf(facts)],
    ['modules', host === undefined ? undefined : `${host.loadedModules.length} loaded`],
    ['mounts', host === undefined ? undefined : `${host.mounts.length} of the host`],
  ];
  return rows.flatMap(([key, value]) => (value === undefined ? [] : [`${key.padEnd(12)}${value}`]));
}

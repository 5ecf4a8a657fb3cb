import type { BootState } from '@kios/node-state';

/** A step between the kernel's start and Ready. */
export interface Phase {
  readonly name: string;
  /** Seconds of CLOCK_BOOTTIME. */
  readonly up: number;
}

const BOOT_PHASES: Readonly<Record<string, string>> = {
  init: 'init',
  'containerd.ready': 'runtime',
  'kubelet.ready': 'first pods',
};

/** Returns the steps in the order in which they were reached; of a repeated step, the first time. */
export function reportPhases(
  boot: BootState | undefined,
  own: ReadonlyMap<string, number>,
): readonly Phase[] {
  const ofBoot = Object.entries(BOOT_PHASES).map(([phase, name]) => ({
    name,
    up: boot?.phases.find((item) => item.name === phase)?.up,
  }));
  const ofOurs = [...own].map(([name, up]) => ({ name, up }));
  return [...ofBoot, ...ofOurs]
    .filter((phase): phase is Phase => phase.up !== undefined)
    .toSorted((a, b) => a.up - b.up);
}

const seconds = (up: number): string => `${up.toFixed(1)} s`;

/** Formats the sentence that `kubectl describe node` shows. */
export function formatReport(phases: readonly Phase[], ready: number): string {
  const steps = phases.map(({ name, up }) => `${name} ${seconds(up)}`);
  return `Node joined ${seconds(ready)} after the kernel's start: ${[...steps, `Ready ${seconds(ready)}`].join(', ')}`;
}

/** What an Event says. */
export interface Notice {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** Returns a core/v1 Event about the node itself. */
export function nodeEvent(
  nodeName: string,
  { type, reason, message }: Notice,
  when: Date,
  id: string,
) {
  return {
    metadata: { name: `${nodeName}.${id}`, namespace: 'default' },
    // The name stands in for the uid, as in kubelet's own events: `kubectl describe node` looks for it.
    involvedObject: { apiVersion: 'v1', kind: 'Node', name: nodeName, uid: nodeName },
    type,
    reason,
    message: message.slice(0, 1024),
    source: { component: 'kios-bootstrap', host: nodeName },
    reportingComponent: 'kios-bootstrap',
    reportingInstance: nodeName,
    firstTimestamp: when,
    lastTimestamp: when,
    count: 1,
  };
}

/** Returns the Event of a node that has become Ready. */
export const joinEvent = (nodeName: string, message: string, when: Date, id: string) =>
  nodeEvent(nodeName, { type: 'Normal', reason: 'Joined', message }, when, id);

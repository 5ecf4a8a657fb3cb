import type { Fault } from '../fault.ts';
import { apiObjectFaults } from './api-objects.ts';
import { containerFaults } from './containers.ts';
import { hostPathFaults } from './host-paths.ts';
import { imageFaults } from './images.ts';
import { namespaceFaults } from './namespaces.ts';
import { NO_PERMISSIONS, type Policy } from './permissions.ts';
import { type Excess, type Faults, isExcess, type Json, type Pod, record, viewOf } from './view.ts';

/** Annotation that init reads: when it offers a pod to kubelet (docs/host-api.md section 4). */
const START = 'kios.dev/start';
const STARTS: readonly unknown[] = ['first', 'grown'];

/** Yields what belongs to the build or to init and not to a manifest. */
function* metadataFaults({ metadata }: Pod): Faults {
  if ('uid' in metadata)
    yield {
      path: 'metadata.uid',
      cause: 'must not be set: the build derives it from the content',
      advice: 'remove it',
    };
  const start = record(metadata['annotations'])[START];
  if (start !== undefined && !STARTS.includes(start))
    yield {
      path: `metadata.annotations["${START}"]`,
      cause: 'must be first or grown, or left out',
    };
}

/** What the rules find in a pod. */
export interface Judgement {
  readonly faults: readonly Fault[];
  /** A sentence about a pod that may do everything: what it does with that. */
  readonly warning: string | undefined;
}

/** Says what a pod can do beyond an ordinary one, by a privilege for the given reason or without one. */
function warn({ key }: Pod, excesses: readonly Excess[], reason?: string): string | undefined {
  const powers = [...new Set(excesses.map(({ power }) => power))].filter((power) => power !== '');
  if (powers.length === 0) return undefined;
  return reason === undefined
    ? `the pod ${key} can do more than an ordinary pod: ${powers.join('; ')}`
    : `the pod ${key} is root on the node: ${powers.join('; ')} (allowed: ${reason})`;
}

/** Holds a pod against the rules that the Kubernetes schema does not have. */
export function judge(manifest: Json, policy: Policy): Judgement {
  const pod = viewOf(manifest);
  const allowed = (Object.hasOwn(policy.pods, pod.key) ? policy.pods[pod.key] : undefined) ?? NO_PERMISSIONS; // prettier-ignore
  const found = [
    ...metadataFaults(pod),
    ...apiObjectFaults(pod),
    ...imageFaults(pod, policy),
    ...namespaceFaults(pod, allowed),
    ...hostPathFaults(pod, allowed),
    ...containerFaults(pod, allowed),
  ];
  const { privileged: reason } = allowed;
  if (reason === undefined && policy.isOpen !== true) return { faults: found, warning: undefined };
  return {
    faults: found.filter((fault) => !isExcess(fault)),
    warning: warn(pod, found.filter(isExcess), reason),
  };
}

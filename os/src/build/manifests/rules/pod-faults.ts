import type { Fault } from '../fault.ts';
import { admissionFaults } from './admission.ts';
import { apiObjectFaults } from './api-objects.ts';
import { containerFaults } from './containers.ts';
import { hostPathFaults } from './host-paths.ts';
import { imageFaults } from './images.ts';
import { namespaceFaults } from './namespaces.ts';
import { NO_PERMISSIONS, type Policy } from './permissions.ts';
import { priorityFaults } from './priority.ts';
import { referenceFaults } from './references.ts';
import {
  type Excess,
  type Faults,
  type Found,
  isCondition,
  isExcess,
  isFault,
  isOwnRule,
  type Json,
  type Pod,
  record,
  viewOf,
} from './view.ts';

/** Annotation that init reads: when it offers a pod to kubelet (docs/host-api.md section 4). */
const START = 'kios.dev/start';
const STARTS: readonly unknown[] = ['first', 'grown'];

/** Annotation of the pod by which an API server shows a static one. */
const MIRROR = 'kubernetes.io/config.mirror';

/** Yields what `kubectl get` shows of a pod, and with which kubelet never runs one. */
function* shownFaults({ metadata }: Pod): Faults {
  const advice = 'remove it, as all that the API server has added';
  if (MIRROR in record(metadata['annotations']))
    yield {
      path: `metadata.annotations["${MIRROR}"]`,
      cause: 'must not be set: kubelet takes the pod for what shows another one, and never runs it',
      advice,
    };
  if ('deletionTimestamp' in metadata)
    yield {
      path: 'metadata.deletionTimestamp',
      cause: 'must not be set: kubelet ends the pod instead of running it',
      advice,
    };
}

/** Yields what belongs to the build or to init and not to a manifest. */
function* metadataFaults({ metadata }: Pod): Faults {
  if ('uid' in metadata)
    yield {
      path: 'metadata.uid',
      cause: 'must not be set: the build derives it from the content',
      advice: 'remove it',
      effect: 'is kept: to kubelet two files with the same uid are the same pod',
    };
  const start = record(metadata['annotations'])[START];
  if (start !== undefined && !STARTS.includes(start))
    yield {
      path: `metadata.annotations["${START}"]`,
      cause: 'must be first or grown, or left out',
      effect: 'is neither first nor grown, so the pod starts with the others',
    };
}

/** What the rules find in a pod. */
export interface Judgement {
  readonly faults: readonly Fault[];
  /** A sentence about a pod that may do everything: what it does with that. */
  readonly warning: string | undefined;
  /** What is worth knowing of single fields. */
  readonly notes: readonly Fault[];
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
  const isOpen = policy.isOpen === true;
  const found: Found[] = [
    ...shownFaults(pod),
    ...metadataFaults(pod),
    ...priorityFaults(pod),
    ...apiObjectFaults(pod),
    ...admissionFaults(pod),
    ...referenceFaults(pod),
    ...imageFaults(pod, policy),
    ...namespaceFaults(pod, allowed),
    ...hostPathFaults(pod, allowed, isOpen),
    ...containerFaults(pod, allowed),
  ];
  const { privileged: reason } = allowed;
  const isBound = reason === undefined && !isOpen;
  return {
    faults: found
      .filter(isFault)
      .filter((fault) => isBound || (!isExcess(fault) && !(isOpen && isOwnRule(fault)))),
    warning: isBound ? undefined : warn(pod, found.filter(isExcess), reason),
    notes: [
      ...found.filter(isCondition).map(({ path, condition }) => ({ path, cause: condition })),
      ...(isOpen
        ? found.filter(isOwnRule).map(({ path, effect }) => ({ path, cause: effect }))
        : []),
    ],
  };
}

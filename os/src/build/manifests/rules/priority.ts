import { type Faults, type Pod, text } from './view.ts';

/**
 * Rules of the order in which kubelet ends pods when the machine stops. It goes by the number alone, which an API
 * server derives from the class and kubelet does not; the API server refuses to show a pod whose number is another one.
 */

/** Numbers of the classes that every cluster has: k8s.io/kubernetes/pkg/apis/scheduling. */
export const CLASSES: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

const UNSHOWN = 'the API server refuses to show the pod';

/** Yields a number that lacks its class: any but that of pods without one. */
function* numberFaults(number: unknown): Faults {
  if (number === undefined || number === 0) return;
  const [name] = Object.entries(CLASSES).find(([, own]) => own === number) ?? [];
  if (name === undefined)
    yield {
      path: 'spec.priority',
      cause: 'must be left out: no class has this number',
      effect: `is the number of no class: ${UNSHOWN}`,
    };
  else
    yield {
      path: 'spec.priorityClassName',
      cause: `must be ${name}, whose number the pod has`,
      effect: `is missing beside the number: ${UNSHOWN}`,
    };
}

/** Yields what keeps a pod from ending in its place. */
export function* priorityFaults({ spec }: Pod): Faults {
  const [name, number] = [text(spec['priorityClassName']), spec['priority']];
  if (name === '') {
    yield* numberFaults(number);
    return;
  }
  const own = CLASSES[name];
  if (own === undefined || number === own) return;
  yield {
    path: 'spec.priority',
    cause: `must be ${own}, the number of ${name}: without it the pod ends with those of users`,
    effect:
      number === undefined
        ? 'is missing: the pod ends with those of users when the machine stops'
        : `is not that of ${name}: ${UNSHOWN}`,
  };
}

import type { FaultCode, Finding } from './catalogue.ts';
import type { Exhausted, PodTrouble, Signs } from './signs.ts';

const OF_TROUBLE: Readonly<Record<PodTrouble, FaultCode>> = {
  crashing: 'KIOS_FAULT_CRASH_LOOP',
  'image missing': 'KIOS_FAULT_IMAGE_MISSING',
  'image corrupt': 'KIOS_FAULT_IMAGE_CORRUPT',
  'image refused': 'KIOS_FAULT_IMAGE_DENIED',
  'registry unreached': 'KIOS_FAULT_PROXY',
};

/** Returns a fault for each trouble that pods have; the first pod stands for the others. */
function troubles({ pods }: Signs): readonly Finding[] {
  const seen = new Set<PodTrouble>();
  const first = pods.filter(({ trouble }) => !seen.has(trouble) && seen.add(trouble));
  return first.map(({ pod, trouble, why }) => ({
    code: OF_TROUBLE[trouble],
    cause: `run the pod ${pod}: ${why}`,
  }));
}

const exhausted = (
  code: FaultCode,
  what: string,
  [first, ...others]: readonly Exhausted[],
): Finding | undefined => {
  if (first === undefined) return undefined;
  const more = others.length > 0 ? `, and ${others.length} more pods` : '';
  return { code, cause: `${what} the pod ${first.pod}${more}: ${first.limit}` };
};

/** Returns the faults of the node's pods. */
export const podFaults = (signs: Signs): readonly (Finding | undefined)[] => [
  exhausted('KIOS_FAULT_OOM', 'give enough memory to', signs.outOfMemory),
  exhausted('KIOS_FAULT_PIDS', 'start processes in', signs.outOfProcesses),
  ...troubles(signs),
];

import { labelValueFault, qualifiedNameFault } from '../node/labels.ts';

export const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] as const;
export const EFFECT_RULE = 'must be NoSchedule, PreferNoSchedule or NoExecute';

export const isEffect = (value: unknown): value is (typeof EFFECTS)[number] =>
  EFFECTS.some((effect) => effect === value);

type GivenTaint = Readonly<Partial<Record<'key' | 'value' | 'effect' | 'timeAdded', unknown>>>;

/** A fault of one of several taints; the path begins with its number. */
export interface TaintFault {
  readonly path: readonly [string, ...string[]];
  readonly why: string;
}

const isText = (value: unknown): value is string => typeof value === 'string';

const FIELDS: Readonly<Record<keyof GivenTaint, (value: unknown) => string | undefined>> = {
  key: (key) => (isText(key) ? qualifiedNameFault(key) : 'is required'),
  value: (value) => (isText(value) ? labelValueFault(value) : undefined),
  effect: (effect) => (isEffect(effect) ? undefined : EFFECT_RULE),
  timeAdded: (time) => (time === undefined ? undefined : 'must not be set'),
};

/** Returns the taints that have key and effect of an earlier one. The API server takes no node with two such. */
export function doubleTaints(taints: readonly GivenTaint[]): readonly TaintFault[] {
  const seen = new Set<string>();
  return taints.flatMap(({ key, effect }, index): readonly TaintFault[] => {
    const name = `${String(key)}:${String(effect)}`;
    if (seen.has(name))
      return [{ path: [String(index)], why: 'has key and effect of another taint' }];
    seen.add(name);
    return [];
  });
}

/** Returns the faults of taints whose fields have the right types. A single one keeps kubelet from starting. */
export function taintFaults(taints: readonly GivenTaint[]): readonly TaintFault[] {
  const single = taints.flatMap((taint, index): TaintFault[] =>
    (['key', 'value', 'effect', 'timeAdded'] as const).flatMap((field) => {
      const why = FIELDS[field](taint[field]);
      return why === undefined ? [] : [{ path: [String(index), field], why }];
    }),
  );
  return [...single, ...doubleTaints(taints)];
}

import * as v from 'valibot';

import KUBELET from './kubelet-fields.json' with { type: 'json' };
import { issuePath, map } from './schema-parts.ts';
import { type Misfit, misfitsOf } from './shape.ts';
import { taintFaults } from './taints.ts';

type Config = Readonly<Record<string, unknown>>;

/** The flags of kubelet, each with the field of KubeletConfiguration that it sets, or '' where there is none. */
export const KUBELET_FLAGS: ReadonlyMap<string, string> = new Map(Object.entries(KUBELET.flags));

const TAINTS = 'registerWithTaints';

function misfitsOfConfig(config: Config): readonly Misfit[] {
  const misfits = misfitsOf(KUBELET.fields, config);
  const taints = config[TAINTS];
  if (!Array.isArray(taints) || misfits.some(({ path }) => path[0] === TAINTS)) return misfits;
  const faults = taintFaults(taints);
  return [
    ...misfits,
    ...faults.map(({ path, why }): Misfit => ({
      path: [TAINTS, ...path],
      why,
      isUnknown: false,
    })),
  ];
}

/** Fields of kubelet's KubeletConfiguration, with the types that they have in its sources. */
export const KubeletConfig = v.pipe(
  map,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const { path, why, isUnknown } of misfitsOfConfig(dataset.value))
      if (!isUnknown) addIssue({ message: why, path: issuePath(path) });
  }),
);

/** Returns the fields that kubelet passes over, with their paths in our document. */
export const unknownKubeletFields = (
  config: Config,
): readonly { readonly path: string; readonly why: string }[] =>
  misfitsOf(KUBELET.fields, config)
    .filter(({ isUnknown }) => isUnknown)
    .map(({ path, why }) => ({ path: ['kubelet', 'config', ...path].join('.'), why }));

import * as v from 'valibot';

import { FIELDS } from './kubelet-table.ts';
import { isMap, issuePath, map } from './schema-parts.ts';
import { type Misfit, misfitsOf } from './shape.ts';
import { taintFaults } from './taints.ts';

type Config = Readonly<Record<string, unknown>>;

const TAINTS = 'registerWithTaints';

function misfitsOfConfig(config: Config): readonly Misfit[] {
  const misfits = misfitsOf(FIELDS, config);
  const taints = config[TAINTS];
  if (!Array.isArray(taints) || misfits.some(({ path }) => path[0] === TAINTS)) return misfits;
  const faults = taintFaults(taints.filter(isMap));
  return [
    ...misfits,
    ...faults.map(({ path, why }): Misfit => ({
      path: [TAINTS, ...path],
      why,
      kind: 'wrong',
    })),
  ];
}

/** Fields of kubelet's KubeletConfiguration, with the types that they have in its sources. */
export const KubeletConfig = v.pipe(
  map,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const { path, why, kind } of misfitsOfConfig(dataset.value))
      if (kind === 'wrong') addIssue({ message: why, path: issuePath(path) });
  }),
);

/** Returns the fields that kubelet passes over, with their paths in our document. */
export const unknownKubeletFields = (
  config: Config,
): readonly { readonly path: string; readonly why: string }[] =>
  misfitsOf(FIELDS, config)
    .filter(({ kind }) => kind === 'unknown')
    .map(({ path, why }) => ({ path: ['kubelet', 'config', ...path].join('.'), why }));

import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { stringify } from 'yaml';

import { openKernel } from '../../build/kernel/open-kernel.ts';
import { openToolroot } from '../../build/sources/debian/toolroot.ts';
import { measureStart } from '../module-boots.ts';
import type { Rig } from './rig.ts';
import { measured, type Sample, type Series, type View } from './series.ts';

const COUNTS = [0, 10, 30, 100] as const;
/** The policy of the module loader on the data partition (docs/modules.md). */
const POLICY = '/meta/etc/kios/modules/modules.yaml';

const VIEW: View = {
  title: 'Boot against modules',
  x: { title: 'modules that the loader loads', kind: 'linear' },
  panels: [
    {
      title: 'seconds at 1 GIPS, with a pod that watches the loader',
      lines: [
        measured('first pod', 'firstPodSeconds'),
        measured('loader: start to ready', 'readySeconds'),
      ],
    },
    { title: 'MiB of the loader', lines: [measured('written', 'privateMiB')] },
  ],
};

/**
 * Returns names of modules in a text of modules.dep that need no device and no other module: parts of the network, in
 * the order of their names.
 */
export const harmlessModules = (dep: string): string[] =>
  [...dep.matchAll(/^kernel\/net\/(?:\S+\/)?([^/:\s]+)\.ko(?:\.\w+)?:[ \t]*$/gm)]
    .map(([, name = '']) => name)
    .toSorted();

async function policyOf({ context }: Rig, count: number): Promise<string> {
  const tools = await openToolroot(context.progress);
  const { allModules } = await openKernel('kios', 'amd64', tools, context.progress);
  const names = harmlessModules(await readFile(path.join(allModules, 'modules.dep'), 'utf8'));
  const load = names.slice(0, count).map((name) => ({ name, required: false }));
  return stringify({ load });
}

async function measureModules(rig: Rig, count: number): Promise<Sample> {
  const { image } = await rig.shipped();
  const entries = count === 0 ? {} : { [POLICY]: { content: await policyOf(rig, count) } };
  const start = await measureStart(image, rig.context.undo, entries);
  return {
    x: start.loaded,
    values: {
      firstPodSeconds: start.firstPodSeconds,
      readySeconds: start.readyMs / 1000,
      privateMiB: start.privateKiB / 1024,
    },
  };
}

/** How a boot depends on the number of modules. */
export const modulesSeries = (rig: Rig): Series => ({
  view: VIEW,
  steps: COUNTS.map((count) => ({
    key: `${count} more modules`,
    measure: async () => ({ samples: [await measureModules(rig, count)] }),
  })),
});

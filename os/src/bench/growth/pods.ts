import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { imageName } from '../../build/shipped.ts';
import type { SeenEvent } from '../../lab/qemu/console.ts';
import { repository } from '../../workstation/paths.ts';
import { bootDisk, diskWith, type Entries, NODE_PODS } from '../disk.ts';
import { startBench } from '../machine.ts';
import type { Rig } from './rig.ts';
import { measured, type Sample, type Series, type View } from './series.ts';

const COUNTS = [1, 5, 20, 50] as const;
const MEMORY_MIB = 2048;
const DEADLINE_MS = 3_600_000;
const NAME = 'single';

const VIEW: View = {
  title: 'First pod against number of static pods',
  x: { title: 'static pods', kind: 'linear' },
  panels: [
    {
      title: 'seconds at 1 GIPS',
      lines: [measured('first pod', 'firstPodSeconds'), measured('last pod', 'lastPodSeconds')],
    },
  ],
};

const numbered = (index: number): string => `${NAME}-${String(index).padStart(3, '0')}`;

/**
 * Returns a copy of the trivial pod under another name, which its line on the console has too. It asks for little
 * memory: a request as large as its limit would let only a few of them start.
 */
export const copyOfSingle = (manifest: string, name: string): string =>
  manifest
    .replace(`\n  name: ${NAME}\n`, `\n  name: ${name}\n`)
    .replace(`agent: '${NAME}'`, `agent: '${name}'`)
    .replace('resources: { limits:', 'resources: { requests: { memory: 8Mi }, limits:')
    .replace(/image: \S+/, `image: ${imageName('dhcp')}`);

/** Returns so many copies of the trivial pod, as files of a data partition. */
export async function copiesOfSingle(count: number): Promise<Entries> {
  const manifest = await readFile(path.join(repository, 'bench/manifests/single.yaml'), 'utf8');
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => {
      const name = numbered(index + 1);
      return [`${NODE_PODS}/${name}.yaml`, { content: copyOfSingle(manifest, name) }];
    }),
  );
}

const isSingle = ({ agent, ev }: SeenEvent): boolean => agent.startsWith(NAME) && ev === 'start';

/** Returns a test of events for the first line of the last of so many pods, in whatever order they start. */
export function lastOf(count: number): (event: SeenEvent) => boolean {
  const seen = new Set<string>();
  return (event) => {
    if (!isSingle(event)) return false;
    seen.add(event.agent);
    return seen.size >= count;
  };
}

async function measurePods({ context, single }: Rig, count: number): Promise<Sample> {
  const { image } = await single();
  await using disk = await diskWith(image, await copiesOfSingle(count - 1), context.undo);
  const guest = { boot: bootDisk(disk.file), memoryMiB: MEMORY_MIB };
  await using machine = await startBench(guest, context.undo);
  const { console } = machine;
  const last = await console.expect(`the lines of ${count} pods`, lastOf(count), DEADLINE_MS);
  const first = console.events.find(isSingle) ?? last;
  return { x: count, values: { firstPodSeconds: first.up, lastPodSeconds: last.up } };
}

/** How the first static pod's start depends on the number of static pods. */
export const podsSeries = (rig: Rig): Series => ({
  view: VIEW,
  steps: COUNTS.map((count) => ({
    key: `${count} pods`,
    measure: async () => ({ samples: [await measurePods(rig, count)] }),
  })),
});

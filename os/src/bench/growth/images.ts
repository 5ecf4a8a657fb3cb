import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { execa } from 'execa';

import { sourceTime } from '../../build/image/source-state.ts';
import type { SeenEvent } from '../../lab/qemu/console.ts';
import {
  type DataEntry,
  dataPartition,
  debugfs,
  writeToExt4,
} from '../../lab/qemu/data-partition.ts';
import { bootDisk, copyDisk, type Disk } from '../disk.ts';
import { startBench } from '../machine.ts';
import type { Rig } from './rig.ts';
import { measured, type Sample, type Series, type View } from './series.ts';
import { addRecords, DATABASES, fileIn, filesOf, makeImages } from './stored-images.ts';

const COUNTS = [0, 25, 100, 400] as const;
const MEMORY_MIB = 2048;
const DEADLINE_MS = 900_000;
/** Folder of containerd on the data partition (docs/host-api.md section 3). */
const STORE = '/data/containerd';
/** e2fsck has repaired what it found; a journal that was not replayed is such. */
const MENDED = 1;

const VIEW: View = {
  title: 'Boot against the store on the data partition',
  x: { title: 'pulled images of four layers each', kind: 'linear' },
  panels: [
    {
      title: 'seconds at 1 GIPS, a second boot',
      lines: [
        measured('containerd is ready', 'runtimeSeconds'),
        measured('first pod', 'firstPodSeconds'),
      ],
    },
    { title: 'MiB on the data partition', lines: [measured('store', 'storeMiB')] },
  ],
};

const isPod = ({ agent, ev }: SeenEvent): boolean => agent === 'single' && ev === 'start';
const isReady = ({ agent, ev }: SeenEvent): boolean =>
  agent === 'init' && ev === 'containerd.ready';

async function boot({ context }: Rig, disk: Disk): Promise<Sample['values']> {
  const guest = { boot: bootDisk(disk.file), memoryMiB: MEMORY_MIB };
  await using machine = await startBench(guest, context.undo);
  const pod = await machine.console.expect('the line of the pod', isPod, DEADLINE_MS);
  const ready = machine.console.events.find(isReady) ?? pod;
  return { firstPodSeconds: pod.up, runtimeSeconds: ready.up };
}

/** Does what the kernel does when it mounts a file system that was cut off. */
async function replay(device: string): Promise<void> {
  const { exitCode, all } = await execa('/usr/sbin/e2fsck', ['-p', device], {
    reject: false,
    all: true,
  });
  if (exitCode === undefined || exitCode > MENDED) throw new Error(`e2fsck ${device}: ${all}`);
}

/** Adds images to the store that the node has made on its disk. Returns the bytes that were added. */
async function addImages(disk: Disk, count: number): Promise<number> {
  const device = await dataPartition(disk.file);
  await replay(device);
  const store = await makeImages(count, await sourceTime());
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-store-'));
  try {
    const entries: Record<string, DataEntry> = {};
    for (const [index, name] of DATABASES.entries()) {
      const copy = path.join(dir, String(index));
      await debugfs(device, [`dump ${STORE}/${name} ${copy}`, `rm ${STORE}/${name}`]);
      const content = addRecords(await readFile(copy), await fileIn(store, name));
      entries[`${STORE}/${name}`] = { content, mode: 0o600 };
    }
    let bytes = 0;
    for (const [where, content] of await filesOf(store)) {
      entries[`${STORE}${where}`] = { content, mode: 0o444 };
      bytes += content.length;
    }
    await writeToExt4(device, entries);
    return bytes;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function measureImages(rig: Rig, count: number): Promise<Sample> {
  const { image } = await rig.single();
  await using disk = await copyDisk(image, rig.context.undo);
  await boot(rig, disk);
  const bytes = await addImages(disk, count);
  const values = await boot(rig, disk);
  return { x: count, values: { ...values, storeMiB: bytes / 2 ** 20 } };
}

/** How a boot depends on the images that pods have pulled. */
export const imagesSeries = (rig: Rig): Series => ({
  view: VIEW,
  steps: COUNTS.map((count) => ({
    key: `${count} images`,
    measure: async () => ({ samples: [await measureImages(rig, count)] }),
  })),
});

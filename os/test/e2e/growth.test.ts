import { truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { type BootedNode, powerOn } from '../../src/lab/boot.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine } from '../../src/lab/node.ts';
import { MILESTONES } from '../../src/lab/phases.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import type { SeenEvent } from '../../src/lab/qemu/console.ts';
import { findDataPartition, writeToData } from '../../src/lab/qemu/data-partition.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import {
  ext4Bytes,
  growthIn,
  type PartFile,
  replay,
  spread,
  tear,
  touching,
} from '../support/power-cuts.ts';
import { describeRecorded } from '../support/recorded.ts';
import { readWriteLog } from '../support/write-log.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const BOOT_MS = 10 * 60_000;
const CUTS_MS = 20 * 60_000;
const MIB = 2 ** 20;
const IMAGE_DATA_BYTES = 1024 * MIB;
/** The disk ends within a MiB, as no disk of a shop is a whole number of them. */
const DISK_BYTES = 8192 * MIB + 333 * 512;
const LARGER_DISK_BYTES = 9216 * MIB;
const CUTS = 50;
/** Writes before and after the growth that count too. */
const AROUND = 20;
const KEPT = {
  file: '/data/kios/kept',
  content: `${'kept through every power cut '.repeat(4096)}\n`,
};
const LOG = 'writes.log';

/** Returns the data partition's size on a disk: the last MiB or part of one has the table's copy. */
const expectedBytes = (diskBytes: number, offset: number): number =>
  Math.floor((diskBytes - 33 * 512) / MIB) * MIB - offset;

/** Does what a boot does, then returns what is wrong with the file system or its data. */
async function faultsOf(file: string): Promise<string[]> {
  const mended = await execa('/usr/sbin/e2fsck', ['-p', file], { reject: false });
  const checked = await execa('/usr/sbin/e2fsck', ['-f', '-n', file], { reject: false });
  const read = ['-R', `cat ${KEPT.file}`, file];
  const kept = await execa('/usr/sbin/debugfs', read, { stripFinalNewline: false });
  return [
    ...([0, 1].includes(mended.exitCode ?? -1) ? [] : [mended.stdout]),
    ...(checked.exitCode === 0 ? [] : [checked.stdout]),
    ...(kept.stdout === KEPT.content ? [] : [`${KEPT.file} has ${kept.stdout.length} bytes`]),
  ];
}

// A disk that is larger than its image.
await describeRecorded('growth', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  const machine = labMachine();
  let node: BootedNode | undefined;
  let offset: number;
  const at = (name: string): string => path.join(machine.dir, name);

  async function boot(writeLog?: string): Promise<BootedNode> {
    node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [],
      ...(writeLog === undefined ? {} : { writeLog }),
    });
    return node;
  }

  async function stop(): Promise<void> {
    node?.console[Symbol.dispose]();
    node = undefined;
    await machine.stop();
  }

  const event = ({ console }: BootedNode, agent: string, ev: string): Promise<SeenEvent> =>
    console.expect(`${ev} of ${agent}`, (seen) => seen.agent === agent && seen.ev === ev, BOOT_MS);

  beforeAll(async () => {
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    const { image } = await buildImage({ arch: 'amd64', progress });
    await machine.create(image);
    const disk = machine.file('disk');
    await writeToData(disk, { [KEPT.file]: { content: KEPT.content } });
    offset = await findDataPartition(disk);
    const copy = [`if=${disk}`, `of=${at('before.img')}`, 'bs=1M', 'conv=sparse', 'status=none'];
    await run('dd', [...copy, `skip=${offset / MIB}`, `count=${IMAGE_DATA_BYTES / MIB}`]);
    await truncate(disk, DISK_BYTES);
    await writeFile(at(LOG), '');
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await down(silent, { purge: true });
  }, 120_000);

  it('has it all after the first boot', { timeout: BOOT_MS }, async () => {
    const first = await boot(LOG);
    const deviceBytes = expectedBytes(DISK_BYTES, offset);
    const table = await event(first, 'init', 'disk.grown');
    expect(table.fields).toMatchObject({ bytesBefore: IMAGE_DATA_BYTES, bytes: deviceBytes });
    const { fields } = await event(first, 'resize', 'grown');
    expect(fields).toMatchObject({ deviceBytes });
    expect(Number(fields['bytesBefore'])).toBeLessThan(IMAGE_DATA_BYTES);
    expect(Number(fields['bytes'])).toBeGreaterThan(deviceBytes * 0.95);
    expect(Number(fields['ms'])).toBeLessThan(30_000);
    progress.info(`grown in ${String(fields['ms'])} ms`);
    await stop();
  });

  it(
    'starts again without the pod, for there is nothing to grow',
    { timeout: BOOT_MS },
    async () => {
      const second = await boot();
      for (const { name, reachedBy } of [MILESTONES.firstPod, MILESTONES.lease])
        await second.console.expect(name, reachedBy, BOOT_MS);
      await event(second, 'modloader', 'ready'); // offered together with the pod that must not be there
      const seen = second.console.events;
      expect(seen.filter(({ agent, ev }) => agent === 'resize' || ev === 'disk.grown')).toEqual([]);
      expect(seen.some(({ ev }) => ev === 'data.mounted')).toBe(true);
      await stop();
    },
  );

  it('takes what a cloud adds later', { timeout: BOOT_MS }, async () => {
    await truncate(machine.file('disk'), LARGER_DISK_BYTES);
    const later = await boot();
    const deviceBytes = expectedBytes(LARGER_DISK_BYTES, offset);
    expect((await event(later, 'init', 'disk.grown')).fields).toMatchObject({ bytes: deviceBytes });
    expect((await event(later, 'resize', 'grown')).fields).toMatchObject({ deviceBytes });
    await stop();
  });

  it(
    `keeps a whole file system and its data through ${CUTS} power cuts`,
    { timeout: CUTS_MS },
    async () => {
      const part: PartFile = {
        file: at('before.img'),
        offset,
        bytes: expectedBytes(DISK_BYTES, offset),
      };
      await truncate(part.file, part.bytes);
      const log = at(LOG);
      const writes = touching(await readWriteLog(log), part);
      const growth = await growthIn(log, writes, part, { old: IMAGE_DATA_BYTES, wanted: part.bytes * 0.95 }); // prettier-ignore
      const first = Math.max(0, growth.first - AROUND);
      const last = Math.min(writes.length, growth.last + AROUND);
      let done = 0;
      const sizes = new Set<number>();
      for (const [number, cut] of spread(first, last, CUTS).entries()) {
        await replay(log, writes.slice(done, cut), part);
        done = cut;
        const file = at('cut.img');
        await run('cp', ['--sparse=always', '--reflink=auto', part.file, file]);
        const torn = writes[cut];
        if (number % 2 === 1 && torn !== undefined) await tear(log, torn, { ...part, file });
        expect({ cut, faults: await faultsOf(file) }).toEqual({ cut, faults: [] });
        sizes.add(await ext4Bytes(file));
      }
      expect(Math.min(...sizes)).toBe(IMAGE_DATA_BYTES);
      expect(Math.max(...sizes)).toBeGreaterThan(part.bytes * 0.95);
      progress.info(`${CUTS} power cuts left ${sizes.size} sizes`);
    },
  );
});

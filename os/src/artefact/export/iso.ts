import { mkdir, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { TYPE } from '../../build/formats/gpt.ts';
import { linkDirectBoot } from './direct-boot.ts';
import { makeFat } from './fat.ts';
import { imageGuid } from './guid.ts';
import { efiFile, type Job } from './source.ts';

const README = `This medium starts a kiOS node in memory and installs nothing.
Its files are on the EFI system partition, which shows when it is written to a USB stick.
`;

/** Formats a time as xorriso wants it: `YYYYMMDDhhmmsscc`. */
const stamp = (time: number): string =>
  new Date(time * 1000).toISOString().replaceAll(/[-:T]|\.\d+Z/g, '') + '00';

/**
 * Writes an image that starts from a CD drive (El Torito, UEFI) and, written to a stick, from a disk (GPT). Both start
 * the same FAT file system, which holds the files of the image’s boot partition. There is no data partition.
 */
export async function exportIso(job: Job): Promise<string> {
  const { source, out, scratch, name, tools, exportTools, signal } = job;
  const result = `${name}.iso`;
  const boot = efiFile(source);
  const time = Math.floor((await stat(boot)).mtimeMs / 1000);
  const fat = path.join(scratch, 'esp.img');
  const serial = imageGuid('iso-fat', source.sha256).text.slice(0, 8);
  const live = path.join(scratch, 'live');
  await linkDirectBoot(source, live);
  await makeFat(fat, live, { serial, time }, tools);
  await rm(live, { recursive: true });
  const tree = path.join(scratch, 'iso');
  await mkdir(tree);
  const readme = path.join(tree, 'README.TXT');
  await writeFile(readme, README);
  for (const entry of [readme, tree]) await utimes(entry, time, time);
  const guid = imageGuid('iso', source.sha256).text.replaceAll('-', '');
  const title = ['-V', 'KIOS-LIVE', '-r', '-J', `--modification-date=${stamp(time)}`];
  const table = ['-appended_part_as_gpt', '--gpt_disk_guid', guid, '-partition_offset', '16'];
  const partition = ['-append_partition', '2', TYPE.esp.toUpperCase(), fat];
  const start = ['-e', '--interval:appended_partition_2:all::', '-no-emul-boot'];
  const to = ['-quiet', '-o', path.join(out, result)];
  const args = ['-as', 'mkisofs', ...to, ...title, ...partition, ...table, ...start, tree];
  await exportTools.run('usr/bin/xorriso', args, {
    env: { SOURCE_DATE_EPOCH: String(time), TZ: 'UTC' },
    signal,
  });
  await rm(fat);
  return result;
}

import { createReadStream, createWriteStream } from 'node:fs';
import { open, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

import { fitGpt } from '../../build/formats/gpt-fit.ts';
import { run } from '../../workstation/run.ts';
import { Meter } from '../../workstation/terminal/rate.ts';
import { readAt, TABLE_BYTES } from '../kind.ts';
import type { Job } from './source.ts';

const GIB = 1024 ** 3;
/** The one name that Google Compute Engine accepts. */
const DISK = 'disk.raw';

/** Enlarges a disk: its second partition table moves to the new end, and its partitions stay as they are. */
async function enlarge(file: string, bytes: number): Promise<void> {
  await truncate(file, bytes);
  await using disk = await open(file, 'r+');
  const fitted = fitGpt(await readAt(disk, 0, TABLE_BYTES), bytes);
  if (fitted === undefined) throw new Error('its partition table is damaged');
  const { start, backup, stale } = fitted;
  await disk.write(start, 0, start.length, 0);
  await disk.write(Buffer.alloc(stale.length), 0, stale.length, stale.offset);
  await disk.write(backup.bytes, 0, backup.bytes.length, backup.offset);
}

/** GNU’s old sparse format, which the importer demands, with nothing of the workstation in it. */
const TAR = [
  '--create',
  '--format=oldgnu',
  '--sparse',
  // Holes are found by reading, so that the file system of the workstation does not matter.
  '--hole-detection=raw',
  '--owner=0',
  '--group=0',
  '--numeric-owner',
  '--mode=0644',
  '--mtime=@0',
];

/** Writes the image for Google Compute Engine: `disk.raw` of whole GiB in a compressed archive. */
export async function exportGce({
  source,
  out,
  scratch,
  name,
  note,
  signal,
}: Job): Promise<string> {
  const result = `${name}-gce.tar.gz`;
  const disk = path.join(scratch, DISK);
  const archive = path.join(scratch, 'disk.tar');
  note('disk.raw');
  await run('cp', ['--sparse=always', source.image, disk], { signal });
  await enlarge(disk, Math.ceil(source.bytes / GIB) * GIB);
  note('archive');
  await run('tar', [...TAR, `--file=${archive}`, `--directory=${scratch}`, DISK], { signal });
  const meter = new Meter(note, (await stat(archive)).size);
  await pipeline(
    createReadStream(archive, { highWaterMark: 1024 * 1024 }),
    async function* (chunks: AsyncIterable<Uint8Array>) {
      for await (const chunk of chunks) {
        yield chunk;
        meter.add(chunk.length);
      }
    },
    createGzip(),
    createWriteStream(path.join(out, result)),
    { signal },
  );
  return result;
}

import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';

import { EXIT, KiosError } from '@kios/errors';

import { preload } from '../../build/preload/preload.ts';
import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { BOOT_FOLDER } from './boot-folder.ts';
import type { FileContent } from './plan.ts';

/** Where archives are for. */
export interface ArchivePlace {
  readonly arch: Arch;
  /** A folder for what is unpacked. */
  readonly scratch: string;
  /** Returns the bytes that archives may have together. */
  readonly room: () => Promise<number>;
}

const refuse = (doing: string, remedy: string): KiosError =>
  new KiosError('KIOS_MEDIUM_FILE', doing, { exitCode: EXIT.data, remedy });

const [ENDING] = BOOT_FOLDER.folders.images;

/** Names that FAT can hold and that init looks at. */
const NAME = /^[^."*:<>?\\|\p{Cc}][^"*:<>?\\|\p{Cc}]*$/u;

/** Returns the name on the medium: a node reads no compressed archives. */
function nameOf(file: string): string {
  const name = path.basename(file).replace(/\.tar\.gz$|\.tgz$/i, ENDING);
  if (NAME.test(name) && name.toLowerCase().endsWith(ENDING)) return name;
  throw refuse(
    `put the archive ${file} on a medium: a node does not read a file of this name`,
    `Give an OCI archive whose name ends in ${ENDING} or ${ENDING}.gz.`,
  );
}

/** Recognises gzip by its first bytes (RFC 1952 section 2.3.1). */
async function isZipped(file: string): Promise<boolean> {
  await using opened = await open(file);
  const { buffer } = await opened.read(Buffer.alloc(2), 0, 2, 0);
  return buffer.equals(Buffer.of(0x1f, 0x8b));
}

/** Returns the names of the images of an archive, each of whose blobs is checked, as for an image that is built. */
export async function imagesOf(
  file: string,
  { arch, scratch }: Pick<ArchivePlace, 'arch' | 'scratch'>,
  progress: Progress,
): Promise<string[]> {
  const folder = path.join(scratch, 'unpacked');
  try {
    const images = await preload({ images: [path.resolve(file)], arch, scratch: folder, progress });
    return images.map(({ names: [name = ''] }) => name);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readArchive(
  file: string,
  name: string,
  place: ArchivePlace,
  progress: Progress,
): Promise<FileContent> {
  const info = await stat(file).catch(() => undefined);
  if (info?.isFile() !== true)
    throw refuse(`read ${file}`, 'Name an OCI archive: a file that you may read.');
  await imagesOf(file, place, progress);
  if (!(await isZipped(file))) return { file: path.resolve(file), bytes: info.size };
  const plain = path.join(place.scratch, name);
  await mkdir(place.scratch, { recursive: true });
  await pipeline(createReadStream(file), createGunzip(), createWriteStream(plain));
  return { file: plain, bytes: (await stat(plain)).size };
}

/** Checks archives, which become all those of the medium; an empty name stands for none. */
export async function readArchives(
  files: readonly string[],
  place: ArchivePlace,
  progress: Progress,
): Promise<ReadonlyMap<string, FileContent>> {
  const found = new Map<string, FileContent>();
  for (const file of files.filter((each) => each !== '')) {
    const name = nameOf(file);
    if (found.has(name))
      throw refuse(
        `take ${file}: another archive is named ${name}`,
        'Give each a name of its own.',
      );
    found.set(name, await readArchive(file, name, place, progress));
  }
  const bytes = [...found.values()].reduce((sum, { bytes: more }) => sum + more, 0);
  const room = found.size === 0 ? 0 : await place.room();
  if (bytes > room)
    throw refuse(
      `put archives of ${bytes} bytes on the medium: it has room for ${room}`,
      'Give fewer images, or save them with compressed layers, as podman and buildx do.',
    );
  return found;
}

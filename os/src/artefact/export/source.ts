import { type FileHandle, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { decodeGpt, TYPE } from '../../build/formats/gpt.ts';
import type { Toolroot } from '../../build/sources/debian/toolroot.ts';
import { pathsBelow } from '../../workstation/paths-below.ts';
import { copyBootPartition } from '../boot-partition.ts';
import { fileDigest } from '../file-digest.ts';
import { type BootKind, findBoot, inspectBoot } from '../inspect/boot.ts';
import type { Release } from '../inspect/model.ts';
import { parseRelease, RELEASE_FILE } from '../inspect/release.ts';
import { artefactError, readAt, readPart, TABLE_BYTES } from '../kind.ts';
import type { ExportTools } from './tools.ts';

/** The disk image that is exported. */
export interface Source {
  readonly image: string;
  readonly file: FileHandle;
  readonly bytes: number;
  /** SHA-256 of the image in hexadecimal; equal images get equal identifiers in every format. */
  readonly sha256: string;
  readonly release: Release;
  /** A folder with the files of the boot partition. */
  readonly boot: string;
  /** What firmware starts there. */
  readonly kind: BootKind;
}

/** Returns the path of the EFI file in the copy of the boot partition. */
export function efiFile({ image, boot, kind }: Source): string {
  if (kind.efi === undefined)
    throw artefactError(image, `it is for the board ${kind.board}, which starts no EFI file`);
  return path.join(boot, kind.efi);
}

/** What an exporter works with. */
export interface Job {
  readonly source: Source;
  /** The folder for the results, which have their final names there. */
  readonly out: string;
  /** A folder for intermediate files. */
  readonly scratch: string;
  /** Start of the results' names, such as `kios-1.2.3-amd64`. */
  readonly name: string;
  readonly tools: Toolroot;
  readonly exportTools: ExportTools;
  readonly note: (detail: string) => void;
  /** Ends programs and streams at an interruption, before their files are removed. */
  readonly signal: AbortSignal;
}

async function readRelease(
  boot: string,
  kind: BootKind,
  scratch: string,
  tools: Toolroot,
): Promise<Release> {
  const { root } = await inspectBoot(boot, kind);
  const erofs = path.join(scratch, 'root.erofs');
  await writeFile(erofs, root);
  const text = await readPart('root file system', () =>
    tools.run('usr/bin/dump.erofs', ['--cat', `--path=${RELEASE_FILE}`, erofs]),
  );
  return parseRelease(text);
}

/** Reads what every format needs of an image. */
export async function openSource(
  image: string,
  file: FileHandle,
  { scratch, tools, note }: Pick<Job, 'scratch' | 'tools' | 'note'>,
): Promise<Source> {
  const status = await file.stat();
  if (!status.isFile())
    throw artefactError(
      image,
      'it is a disk',
      'Name the image of a build: a disk that ran has identifiers that no copy may have.',
    );
  const partitions = decodeGpt(await readAt(file, 0, TABLE_BYTES));
  if (partitions === undefined) throw new Error('its partition table is damaged');
  const esp = partitions.find(({ type }) => type === TYPE.esp);
  if (esp === undefined) throw new Error('it has no EFI system partition');
  const boot = path.join(scratch, 'boot');
  await mkdir(boot);
  await copyBootPartition(image, esp, boot, tools);
  const kind = await findBoot(boot, (await pathsBelow(boot)).files);
  const release = await readRelease(boot, kind, scratch, tools);
  const sha256 = await fileDigest(file, status.size, note);
  return { image, file, bytes: status.size, sha256, release, boot, kind };
}

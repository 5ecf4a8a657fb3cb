import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import { fileSha256 } from '../../workstation/digest.ts';
import { ARCHES, type Arch, repository } from '../../workstation/paths.ts';
import { run } from '../../workstation/run.ts';
import type { OciImage } from '../formats/oci.ts';
import { makeSbom } from '../formats/sbom.ts';
import type { BootstrapChoice } from '../manifests/bootstrap-choice.ts';
import { isPath } from '../preload/preload.ts';
import type { MeasuredBuild } from '../secure-boot/measured-build.ts';
import { shortName } from '../shipped.ts';
import { readPrograms } from '../sources/upstream/components.ts';
import { KIOS } from '../versions.ts';
import { BOARD_PARTS, readBoardParts } from './board-parts.ts';
import { MODULES_IMAGE } from './modules-image.ts';

const FileRecord = v.strictObject({ sha256: v.string(), bytes: v.number() });

const BoardFile = v.strictObject({ ...FileRecord.entries, offset: v.optional(v.number()) });

const Schema = v.strictObject({
  v: v.literal(1),
  version: v.string(),
  arch: v.picklist(ARCHES),
  /** Seconds since the epoch, as in every file of the image. */
  time: v.number(),
  kernel: v.string(),
  /** The version of kubelet, by which a node knows before an update whether it fits its cluster. */
  kubernetes: v.optional(v.string()),
  /** `kios.efi`, by which a node knows whether it runs this system already. */
  efi: v.optional(FileRecord),
  /** `modules.erofs`, which belongs to the kernel of this build. */
  modules: v.optional(FileRecord),
  /** What boards start of this system, by board and name of the file (`board-parts.ts`). */
  boards: v.optional(v.record(v.string(), v.record(v.string(), BoardFile))),
  /** The provider, the agent's folder or the image of `--bootstrap`. */
  bootstrap: v.optional(v.string()),
  /** The names of `--firmware`. */
  firmware: v.optional(v.array(v.string())),
  /** The references of `--image`, and the names of the files. */
  images: v.optional(v.array(v.string())),
  /** SHA-256 of the certificate whose key has signed what firmware starts; absent of an unsigned system. */
  signed: v.optional(v.strictObject({ certificate: v.string() })),
  /** What a TPM measures of this build, and whose signature of that it has; a build of before has only the key. */
  measured: v.optional(
    v.strictObject({
      key: v.string(),
      pcr11: v.optional(v.string()),
      programs: v.optional(v.array(v.string())),
    }),
  ),
  /** The commit of the sources, if they are in Git. */
  commit: v.optional(v.string()),
  /** Whether the sources differed from the commit. */
  changed: v.boolean(),
});

/**
 * What the files of an output folder were made from. It exists only while all of them belong together: a build removes
 * it first and writes it last.
 */
export type BuildRecord = v.InferOutput<typeof Schema>;

const RECORD = 'build.json';

/** Folder of the bills of materials of single images, in the output folder. */
const SBOMS = 'sboms';

export const sbomOf = (dist: string, name: string): string =>
  path.join(dist, SBOMS, `${name}.spdx.json`);

const choiceOf = (choice: BootstrapChoice): string => {
  if (choice.kind === 'provider') return choice.provider;
  return choice.kind === 'image' ? choice.image : path.basename(choice.folder);
};

const git = (...args: string[]): Promise<string> => run('git', args, { cwd: repository });

async function readSource(): Promise<Pick<BuildRecord, 'commit' | 'changed'>> {
  try {
    const commit = (await git('rev-parse', 'HEAD')).trim();
    return { commit, changed: (await git('status', '--porcelain')).trim() !== '' };
  } catch {
    return { changed: false };
  }
}

async function recordFile(file: string): Promise<v.InferOutput<typeof FileRecord> | undefined> {
  if (!existsSync(file)) return undefined;
  return { sha256: await fileSha256(file), bytes: (await stat(file)).size };
}

/** Returns what a node needs to know of the system before an update; the output folder of a board has no EFI file. */
async function readSystem(
  dist: string,
): Promise<Pick<BuildRecord, 'kubernetes' | 'efi' | 'modules' | 'boards'>> {
  const kubernetes = (await readPrograms()).get('kubelet')?.version;
  const efi = await recordFile(path.join(dist, 'kios.efi'));
  const modules = await recordFile(path.join(dist, MODULES_IMAGE));
  const parts = await readBoardParts(dist);
  return {
    ...(kubernetes === undefined ? {} : { kubernetes }),
    ...(efi === undefined ? {} : { efi }),
    ...(modules === undefined ? {} : { modules }),
    ...(parts === undefined ? {} : { boards: { [BOARD_PARTS]: { ...parts } } }),
  };
}

/** A record says nothing about the workstation's folders. */
const shownImage = (image: string): string => (isPath(image) ? path.basename(image) : image);

export interface RecordRequest {
  readonly arch: Arch;
  readonly time: number;
  readonly kernel: string;
  readonly bootstrap: BootstrapChoice | undefined;
  readonly firmware?: readonly string[] | undefined;
  readonly images?: readonly string[] | undefined;
  /** SHA-256 of the certificate whose key has signed the files. */
  readonly certificate?: string | undefined;
  /** What a TPM measures of it, of a build with `--pcr-key`. */
  readonly measured?: MeasuredBuild | undefined;
}

/** Removes the record of an output folder whose files are about to change. */
export const removeRecord = (dist: string): Promise<void> =>
  rm(path.join(dist, RECORD), { force: true });

export async function writeRecord(dist: string, request: RecordRequest): Promise<void> {
  const { arch, time, kernel, bootstrap, firmware = [], images = [] } = request;
  const { certificate, measured } = request;
  const record: BuildRecord = {
    v: 1,
    version: KIOS,
    arch,
    time,
    kernel,
    ...(await readSystem(dist)),
    ...(bootstrap === undefined ? {} : { bootstrap: choiceOf(bootstrap) }),
    ...(firmware.length === 0 ? {} : { firmware: [...firmware] }),
    ...(images.length === 0 ? {} : { images: images.map(shownImage) }),
    ...(certificate === undefined ? {} : { signed: { certificate } }),
    ...(measured === undefined
      ? {}
      : { measured: { ...measured, programs: [...measured.programs] } }),
    ...(await readSource()),
  };
  const file = path.join(dist, RECORD);
  await writeFile(`${file}.tmp`, `${JSON.stringify(record, undefined, 1)}\n`);
  await rename(`${file}.tmp`, file);
}

/** Returns the record of an output folder; undefined when there is no finished build of this version of kiOS. */
export async function readRecord(dist: string): Promise<BuildRecord | undefined> {
  const text = await readFile(path.join(dist, RECORD), 'utf8').catch(() => '');
  const read = v.safeParse(v.pipe(v.string(), v.parseJson(), Schema), text);
  return read.success ? read.output : undefined;
}

/** Writes the bill of materials of each image, which no longer knows its files once the build has ended. */
export async function writeSboms(
  dist: string,
  images: readonly OciImage[],
  time: number,
): Promise<void> {
  const folder = path.join(dist, SBOMS);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const { name, layers } of images) {
    const short = shortName(name);
    const trees = layers.map(({ tree }) => tree);
    await writeFile(sbomOf(dist, short), await makeSbom(`kios-${short}-${KIOS}`, trees, time));
  }
}

import { open, rm } from 'node:fs/promises';
import path from 'node:path';

import { execa } from 'execa';
import { expect } from 'vitest';

import { decodeGpt, GPT_BYTES, TYPE } from '../../src/build/formats/gpt.ts';
import { ENTRY_FOLDER, parseEntryName, slotFile } from '../../src/build/image/boot-slots.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { fileSha256 } from '../../src/workstation/digest.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { eachState } from './disk-states.ts';
import { type PartFile, touching } from './power-cuts.ts';
import type { LoggedWrite } from './write-log.ts';

/** An update of a node whose writes are recorded. */
export interface RecordedUpdate {
  /** Its disk as it was before. */
  readonly disk: string;
  readonly log: string;
  readonly writes: readonly LoggedWrite[];
  /** SHA-256 of each system, by its generation. */
  readonly systems: ReadonlyMap<number, string>;
  /** A folder for copies. */
  readonly folder: string;
}

/** Of the states in which only the system that was there has an entry, one in so many has its file read. */
const SAMPLE = 50;

/** What a power cut may leave in a FAT, which init mends at the next start or which no program reads. */
const HARMLESS = [
  /^fsck\.fat \d/,
  /Dirty bit is set/,
  /Automatically removing dirty bit/,
  /Reclaimed \d+ unused clusters?/,
  /Free cluster summary/,
  /Auto-correcting/,
  /Leaving filesystem unchanged/,
  /FATs differ but appear to be intact/,
  /Using first FAT/,
  // The dirty bit (65) has no copy, and of the volume's number (67 to 70), which the first boot renews, one is new.
  /^There are differences between boot sector and its backup\.$/,
  /^This is mostly harmless\. Differences:/,
  /^ +(?:(?:6[5789]|70):\w\w\/\w\w(?:, |$))+$/,
  /^ +Not automatically fixing this\.$/,
  /: \d+ files, \d+\/\d+ clusters$/,
];

/** A file that no loader reads may be cut short: the update agent removes it. */
const OF_UNFINISHED = /^\/EFI\/kios\/\d{4}\.(efi|mod)$|^\/loader\/(entries\/k|fallback)\.tmp$/i;

/** Returns the lines of fsck.fat that tell of more than a power cut may leave. */
export function graveLines(output: string): string[] {
  const grave: string[] = [];
  let isUnfinished = false;
  for (const line of output.split('\n').filter((each) => each.trim() !== '')) {
    if (!line.startsWith(' ')) isUnfinished = OF_UNFINISHED.test(line.trim());
    if (isUnfinished || HARMLESS.some((form) => form.test(line))) continue;
    grave.push(line);
  }
  return grave;
}

/** Copies the EFI system partition of a disk into a file. */
async function copyEsp(disk: string, file: string): Promise<PartFile> {
  await using source = await open(disk);
  const { buffer } = await source.read(Buffer.alloc(GPT_BYTES), 0, GPT_BYTES, 0);
  const found = decodeGpt(buffer)?.find(({ type }) => type === TYPE.esp);
  if (found === undefined) throw new Error(`${disk} has no EFI system partition`);
  const { offset, bytes } = found;
  const where = [`skip=${offset}`, `count=${bytes}`, 'iflag=skip_bytes,count_bytes'];
  await run('dd', [`if=${disk}`, `of=${file}`, 'bs=1M', 'conv=sparse', 'status=none', ...where]);
  return { file, offset, bytes };
}

/** Returns the generations that have an entry, from what mdir lists of the whole part. */
function generationsIn(listed: string): number[] {
  const names = listed.split('\n').map((line) => line.trim().replace(/^::\/?/, ''));
  return names
    .filter((name) => path.posix.dirname(name) === ENTRY_FOLDER)
    .flatMap((name) => parseEntryName(path.posix.basename(name))?.generation ?? []);
}

/** The states in which a power cut during an update can leave the medium. */
export interface Cuts {
  readonly states: number;
  /** The first state of each kind: those with the same names on the medium. */
  readonly kinds: readonly Kind[];
}

/** A kind of states: the EFI system partition, and the generations that have an entry. */
export interface Kind {
  readonly part: PartFile;
  readonly generations: readonly number[];
}

/**
 * Looks at each state in which a power cut during an update can leave the medium: its file system can be mended, and
 * each entry names a whole system.
 */
export async function expectWholeInEachState(update: RecordedUpdate): Promise<Cuts> {
  const { disk, log, systems, folder } = update;
  const tools = await openToolroot(silent);
  const part = await copyEsp(disk, path.join(folder, 'esp.img'));
  const copy = path.join(folder, 'system.efi');
  const onPart = (...args: readonly string[]): string[] => ['-i', part.file, ...args];
  const kinds = new Map<string, Kind>();

  const namesOnPart = (): Promise<string> =>
    tools.run('usr/bin/mdir', onPart('-a', '-b', '-/', '::'));

  async function keepIfNew(names: string): Promise<void> {
    if (kinds.has(names)) return;
    const file = path.join(folder, `esp-${kinds.size}.img`);
    await run('cp', ['--sparse=always', '--reflink=auto', part.file, file]);
    kinds.set(names, { part: { ...part, file }, generations: generationsIn(names) });
  }

  async function digestOf(generation: number): Promise<string> {
    await rm(copy, { force: true });
    await tools.run('usr/bin/mcopy', onPart('-n', `::${slotFile(generation)}`, copy));
    return fileSha256(copy);
  }

  async function check(): Promise<string[]> {
    const [program = '', ...args] = tools.command('usr/sbin/fsck.fat');
    const { stdout } = await execa(program, [...args, '-n', part.file], { reject: false });
    return graveLines(stdout);
  }

  let seen = 0;
  const states = await eachState(log, touching(update.writes, part), part, async (state) => {
    const names = await namesOnPart();
    await keepIfNew(names);
    const found = new Set(generationsIn(names));
    expect({ state, hasOld: found.has(1) }).toEqual({ state, hasOld: true });
    if (seen++ % SAMPLE === 0 || found.size > 1)
      for (const generation of found) {
        const sha256 = await digestOf(generation);
        expect({ state, generation, sha256 }).toEqual({ state, generation, sha256: systems.get(generation) }); // prettier-ignore
      }
    expect({ state, grave: await check() }).toEqual({ state, grave: [] });
  });
  return { states, kinds: [...kinds.values()] };
}

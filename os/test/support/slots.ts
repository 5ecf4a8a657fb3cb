import { readFile } from 'node:fs/promises';

import { vi } from 'vitest';

import {
  ENTRY_FOLDER,
  entryFile,
  entryText,
  FALLBACK,
  fallbackText,
  parseEntryName,
  slotFile,
} from '../../src/build/image/boot-slots.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { type BootedNode, type BootOptions, powerOn } from '../../src/lab/boot.ts';
import { labMachine } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { Partition } from '../../src/media/configure/partition.ts';
import type { FileContent } from '../../src/media/configure/plan.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import type { PartFile } from './power-cuts.ts';

/** Generations of the medium's own system, and of the one on trial. */
export const [GOOD, TRIAL] = [1, 2];

/** Returns the names of a medium's entries, without their folder. */
export async function entriesOn(partition: Partition): Promise<string[]> {
  const prefix = `${ENTRY_FOLDER}/`;
  const names = (await partition.list()).filter((name) => name.startsWith(prefix));
  return names.map((name) => name.slice(prefix.length)).toSorted();
}

/** Writes an entry of a generation; `counter` is what its name has behind the number, such as `+3-0`. */
export const writeEntry = (partition: Partition, generation: number, counter = ''): Promise<void> =>
  partition.write(
    entryFile(generation).replace(/\.conf$/, `${counter}.conf`),
    Buffer.from(entryText(generation, 'of a test')),
  );

/** Names the generation that the guard falls back to. */
export const writeFallback = (partition: Partition, generation: number): Promise<void> =>
  partition.write(FALLBACK, Buffer.from(fallbackText(generation)));

const generationsIn = (entries: readonly string[]): readonly number[] =>
  entries.flatMap((name) => parseEntryName(name)?.generation ?? []);

/** Puts an EFI file on a medium as a newer generation that is good, and falls back to the one before. Returns which. */
export async function addSystem(
  partition: Partition,
  efi: Uint8Array | FileContent,
): Promise<number> {
  const before = Math.max(...generationsIn(await entriesOn(partition)));
  await partition.write(slotFile(before + 1), efi);
  await writeFallback(partition, before);
  await writeEntry(partition, before + 1);
  return before + 1;
}

/** Puts an EFI file on a medium as its next generation, which is good at once, and removes all others. */
export async function replaceSystem(
  partition: Partition,
  efi: Uint8Array | FileContent,
): Promise<void> {
  const entries = await entriesOn(partition);
  const generations = generationsIn(entries);
  await addSystem(partition, efi);
  for (const name of entries) await partition.remove(`${ENTRY_FOLDER}/${name}`);
  for (const generation of new Set(generations)) await partition.remove(slotFile(generation));
}

/** What a machine came to between power-on and power-off, with no hand on it. */
export interface Run {
  /** All that was said on the console. */
  readonly said: string;
  /** The names of the entries at its end, when the medium's file system is whole. */
  readonly entries: readonly string[];
}

/** A machine whose medium gets a system on trial. */
export class SlotMachine {
  readonly #machine = labMachine();
  readonly #image: string;
  /** Further arguments of QEMU. */
  readonly #devices: readonly string[];
  readonly #cpus: number;
  readonly #secureBoot: boolean;

  constructor(
    image: string,
    {
      devices = [],
      cpus = 2,
      secureBoot = false,
    }: Pick<BootOptions, 'devices' | 'secureBoot'> & { readonly cpus?: number } = {},
  ) {
    this.#image = image;
    this.#devices = devices;
    this.#cpus = cpus;
    this.#secureBoot = secureBoot;
  }

  /** Gives the machine a fresh medium, on which the system on trial is this file, and nothing without one. */
  async flash(trial: Uint8Array | undefined, ...counters: readonly string[]): Promise<void> {
    await this.#machine.create(this.#image);
    await using medium = await this.openMedium();
    if (trial !== undefined) await medium.write(slotFile(TRIAL), trial);
    for (const counter of counters) await writeEntry(medium, TRIAL, counter);
  }

  /** Gives the machine a fresh medium with this EFI system partition. */
  async flashPart({ file, offset }: PartFile): Promise<void> {
    const disk = this.#machine.file('disk');
    await this.#machine.create(this.#image);
    const where = [`seek=${offset}`, 'oflag=seek_bytes', 'conv=notrunc'];
    await run('dd', [`if=${file}`, `of=${disk}`, 'bs=1M', 'status=none', ...where]);
  }

  openMedium = async (): Promise<Partition> =>
    Partition.open(this.#machine.file('disk'), await openToolroot(silent));

  async setFallback(): Promise<void> {
    await using medium = await this.openMedium();
    await writeFallback(medium, GOOD);
  }

  /** Powers the machine on until this happens. The medium's file system must be whole afterwards. */
  async startUntil(happens: (node: BootedNode) => Promise<unknown>): Promise<Run> {
    await this.#powerOnUntil(happens);
    await using medium = await this.openMedium();
    await medium.readBack();
    return { said: await this.said(), entries: await entriesOn(medium) };
  }

  async #powerOnUntil(happens: (node: BootedNode) => Promise<unknown>): Promise<void> {
    const node = await powerOn(this.#machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: this.#cpus,
      workstationPorts: [],
      devices: this.#devices,
      secureBoot: this.#secureBoot,
    });
    try {
      await happens(node);
    } finally {
      node.console[Symbol.dispose]();
      await this.#machine.stop();
    }
  }

  /** Powers the machine on until init says which generation runs, and returns that. */
  async generationThatRuns(timeout: number): Promise<number> {
    let running: unknown;
    await this.#powerOnUntil(async ({ console }) => {
      const told = await console.expect('what runs', ({ ev }) => ev === 'slots.running', timeout);
      running = told.fields['generation'];
    });
    return Number(running);
  }

  said = async (): Promise<string> => readFile(this.#machine.file('console'), 'latin1');

  /** Powers the machine on until its console says this, whatever it says before. */
  startUntilSaid = async (text: string, timeout: number): Promise<Run> =>
    this.startUntil(() =>
      vi.waitFor(
        async () => {
          if (!(await this.said()).includes(text))
            throw new Error(`the console does not say: ${text}`);
        },
        { timeout, interval: 100 },
      ),
    );
}

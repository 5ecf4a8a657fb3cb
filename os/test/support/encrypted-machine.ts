import { mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe } from '@kios/errors';

import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { type BootedNode, powerOn } from '../../src/lab/boot.ts';
import { labMachine } from '../../src/lab/node.ts';
import { MILESTONES } from '../../src/lab/phases.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import type { SeenEvent } from '../../src/lab/qemu/console.ts';
import { EmulatedTpm, tpmFlags, type TpmModel } from '../../src/lab/qemu/tpm.ts';
import { Partition } from '../../src/media/configure/partition.ts';
import { silent } from '../../src/workstation/progress.ts';

/** Larger than the image by more than the header of a volume. */
const DISK_BYTES = 4 * 2 ** 30;
/** Firmware and the stub hash the system, with Secure Boot after it has taken keys and started anew. */
const BOOT_MS = 12 * 60_000;
const TRIES = 2;

/** What a machine came to until its state was there, with no hand on it. */
export interface Opened {
  readonly events: readonly SeenEvent[];
  /** All that was said on the console. */
  readonly said: string;
}

/** How a machine is powered on. */
export interface PowerOn {
  /** Undefined: it has none. */
  readonly tpm?: TpmModel | undefined;
  readonly secureBoot?: boolean;
  /** Words by SMBIOS. */
  readonly words?: readonly string[];
  /** Waits for the end of init's boot, and not only for its state. */
  readonly toEnd?: boolean;
  /** Ports of the workstation's 127.0.0.1 that the machine may reach. */
  readonly workstationPorts?: readonly number[];
}

/**
 * Waits for the machine's kernel, and says whether it has found its timer. An emulator beside others loses that now and
 * then, and without words by SMBIOS the kernel cannot be told to leave the check out.
 */
async function hasTimer({ console }: BootedNode, isLast: boolean): Promise<boolean> {
  try {
    await console.expect('a kernel', MILESTONES.kernel.reachedBy, BOOT_MS);
    return true;
  } catch (error) {
    if (isLast || !/IO-APIC/.test(describe(error))) throw error;
    return false;
  }
}

/** A machine with a TPM, whose medium may ask for an encrypted data partition. */
export class EncryptedMachine implements AsyncDisposable {
  readonly #machine = labMachine();
  readonly #tpm: string;

  private constructor(tpm: string) {
    this.#tpm = tpm;
  }

  static async make(): Promise<EncryptedMachine> {
    return new EncryptedMachine(await mkdtemp(path.join(tmpdir(), 'kios-tpm-')));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#machine.stop();
    await rm(this.#tpm, { recursive: true, force: true });
  }

  /** Gives the machine a fresh medium on a larger disk, with these files of people. */
  async flash(image: string, files: Readonly<Record<string, string>>): Promise<void> {
    await this.#machine.create(image);
    await truncate(this.#machine.file('disk'), DISK_BYTES);
    await using medium = await this.openMedium();
    for (const [name, text] of Object.entries(files)) await medium.write(name, Buffer.from(text));
  }

  openMedium = async (): Promise<Partition> =>
    Partition.open(this.#machine.file('disk'), await openToolroot(silent));

  /** Puts another TPM into the machine, or clears its own, which is the same to a sealed key. */
  async clearTpm(): Promise<void> {
    await rm(this.#tpm, { recursive: true, force: true });
  }

  get disk(): string {
    return this.#machine.file('disk');
  }

  /** Powers the machine on until init has state, and off. */
  async start({ toEnd = false, ...options }: PowerOn): Promise<Opened> {
    const last = toEnd ? ['boot.done'] : ['data.mounted', 'data.ram'];
    return this.during(options, async ({ console }) => {
      await console.expect('the state', ({ ev }) => last.includes(ev), BOOT_MS);
      return {
        events: [...console.events],
        said: await readFile(this.#machine.file('console'), 'latin1'),
      };
    });
  }

  /** Powers the machine on, and off when the work is done. */
  async during<T>(
    options: Omit<PowerOn, 'toEnd'>,
    work: (node: BootedNode) => Promise<T>,
  ): Promise<T> {
    for (let tries = TRIES; ; tries -= 1) {
      await using running = await this.#powerOn(options);
      if (await hasTimer(running.node, tries === 1)) return await work(running.node);
    }
  }

  async #powerOn({ tpm, words = [], workstationPorts = [], ...options }: Omit<PowerOn, 'toEnd'>) {
    await using undo = new AsyncDisposableStack();
    const chip = tpm === undefined ? undefined : undo.use(await EmulatedTpm.start(this.#tpm));
    const node = await powerOn(this.#machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts,
      devices: chip === undefined || tpm === undefined ? [] : tpmFlags(chip.socket, tpm),
      words,
      ...options,
    });
    undo.defer(() => this.#machine.stop());
    undo.defer(() => node.console[Symbol.dispose]());
    const off = undo.move();
    return { node, [Symbol.asyncDispose]: () => off.disposeAsync() };
  }
}

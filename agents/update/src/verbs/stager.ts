import type { Logger } from '@kios/agent';
import { errorCode, KiosError } from '@kios/errors';

import { UpdateError } from '../core/faults/errors.ts';
import type { BuildRecord } from '../core/image/build-record.ts';
import {
  digestIn,
  highestIn,
  isNoted,
  type Memory,
  noteStaged,
  remember,
} from '../core/pass/memory.ts';
import {
  type Content,
  type Plan,
  planStage,
  planUnstage,
  stagedIn,
  type Wish,
} from '../core/plan/plan.ts';
import { imageOf, parseImage } from '../core/slots/names.ts';
import { Esp, type EspPlace } from '../edge/esp/esp.ts';
import { digestOf, perform, readMedium } from '../edge/esp/files.ts';
import { checkImage, type MemoryFile, type Startable } from '../edge/host/host.ts';

/** What reading a file fails with that has rotted, or in whose place something else is. */
const UNREADABLE: readonly string[] = ['EIO', 'EISDIR'];

export interface StagePorts {
  readonly place: EspPlace;
  /** Folder with the system that is to run. */
  readonly os: string;
  readonly bootId: string;
  readonly memory: MemoryFile;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

/** The generations that init has named, whether its drivers come from a modules.erofs, and who may sign a system. */
export interface Named extends Pick<Startable, 'signers'> {
  readonly running: number;
  readonly failed: number | undefined;
  readonly usesModules: boolean;
}

const contentOf = (from: Content['from'], { sha256, bytes }: BuildRecord['efi']): Content => ({
  from,
  digest: sha256,
  size: bytes,
});

/** Returns what a record says of the files that are written. */
const wishFor = ({ version, efi, modules }: BuildRecord): Wish => ({
  version,
  efi: contentOf('kios.efi', efi),
  modules: modules === undefined ? undefined : contentOf('modules.erofs', modules),
});

/** Brings systems onto the medium and takes them back. It keeps the agent's memory, before and after it writes. */
export class Stager {
  readonly #ports: StagePorts;
  #memory: Memory;
  /** Generations without a file, or whose file the medium does not give back. */
  readonly #lost = new Set<number>();
  readonly #distrusted = new Set<number | 'all'>();

  private constructor(ports: StagePorts, memory: Memory) {
    this.#ports = ports;
    this.#memory = memory;
  }

  static async open(ports: StagePorts): Promise<Stager> {
    return new Stager(ports, await ports.memory.read());
  }

  get memory(): Memory {
    return this.#memory;
  }

  async keep(memory: Memory): Promise<void> {
    if (memory === this.#memory) return;
    await this.#ports.memory.write(memory);
    this.#memory = memory;
  }

  /** Works on the partition while it is mounted. */
  async #withEsp<T>(work: (esp: Esp) => Promise<T>): Promise<T> {
    const { place, signal } = this.#ports;
    try {
      await using esp = await Esp.open(place, signal);
      return await work(esp);
    } catch (cause) {
      signal.throwIfAborted();
      if (cause instanceof KiosError) throw cause;
      throw new UpdateError('KIOS_UPDATE_ESP', 'read the EFI system partition', { cause });
    }
  }

  /** Forgets once what a file is, or what all are, so that it is read again. */
  async distrust(which: number | 'all'): Promise<void> {
    if (this.#distrusted.has(which)) return;
    const systems = this.#memory.systems.filter(
      ({ generation }) => which !== 'all' && generation !== which,
    );
    await this.keep({ ...this.#memory, systems });
    this.#distrusted.add(which);
  }

  /** Learns the digests of some generations: those that nobody remembers are read from the medium, once. */
  async learn(generations: readonly (number | undefined)[]): Promise<void> {
    const unknown = generations.filter(
      (generation) =>
        generation !== undefined &&
        !this.#lost.has(generation) &&
        digestIn(this.#memory, generation) === undefined,
    );
    if (unknown.length === 0) return;
    await this.#withEsp(async (esp) => {
      const { files } = await readMedium(esp, false);
      for (const generation of unknown) {
        const name = files.find((file) => parseImage(file.name) === generation)?.name;
        if (name !== undefined) await this.#learnFrom(esp, name);
        else if (generation !== undefined) this.#lost.add(generation);
      }
    });
  }

  async #learnFrom(esp: Esp, name: string): Promise<void> {
    const generation = parseImage(name);
    if (generation === undefined) return;
    const { signal, log } = this.#ports;
    const file = imageOf(generation);
    try {
      await this.keep(remember(this.#memory, generation, await digestOf(esp.at(file), signal)));
    } catch (err) {
      if (!UNREADABLE.includes(errorCode(err) ?? '')) throw err;
      this.#lost.add(generation);
      log.warn({ ev: 'file.unreadable', file, err });
    }
  }

  /** Notes which version a generation says it is, by which a medium that is flashed anew is told from this one. */
  async noteVersion(generation: number, version: string): Promise<void> {
    const digest = digestIn(this.#memory, generation);
    if (digest !== undefined && !isNoted(this.#memory, generation, version))
      await this.keep(remember(this.#memory, generation, digest, version));
  }

  /** Stages a system, unless it is there already. Returns its generation. */
  async stage(named: Named, record: BuildRecord): Promise<number> {
    const { os, signal } = this.#ports;
    const wish = wishFor(record);
    await checkImage(os, wish, { arch: record.arch, signers: named.signers }, signal);
    return this.#withEsp((esp) => this.#stageOn(esp, named, wish));
  }

  async #stageOn(esp: Esp, { running, failed, usesModules }: Named, wish: Wish): Promise<number> {
    const { signal, log } = this.#ports;
    const { version } = wish;
    const { digest } = wish.efi;
    const medium = await readMedium(esp, usesModules);
    const found = stagedIn(medium, running);
    if (found !== undefined && (await digestOf(esp.at(imageOf(found)), signal)) === digest) {
      await this.#noteStaged(found, digest, true);
      return found;
    }
    const highest = Math.max(highestIn(this.#memory), failed ?? 0);
    const plan = planStage(medium, running, highest, wish);
    if ('code' in plan) throw new UpdateError(plan.code, plan.message);
    const generation = plan.generation ?? running;
    log.info({ ev: 'stage', generation, version, digest, console: true });
    await this.#noteStaged(generation, digest, false);
    await this.#perform(plan, esp);
    await this.#noteStaged(generation, digest, true);
    log.info({ ev: 'staged', generation, version, console: true });
    return generation;
  }

  /** Takes back what is staged, so that the next boot is of the running system again. */
  async unstage({ running }: Named): Promise<void> {
    await this.#withEsp(async (esp) => {
      const plan = planUnstage(await readMedium(esp, false), running);
      if ('code' in plan) throw new UpdateError(plan.code, plan.message);
      await this.#perform(plan, esp);
    });
    await this.keep(noteStaged(this.#memory, undefined));
    this.#ports.log.info({ ev: 'unstaged', console: true });
  }

  async #noteStaged(generation: number, digest: string, isReady: boolean): Promise<void> {
    const { bootId } = this.#ports;
    const known = remember(this.#memory, generation, digest);
    await this.keep(noteStaged(known, { generation, digest, bootId, isReady }));
  }

  async #perform({ ops }: Plan, esp: Esp): Promise<void> {
    const { os, signal, log } = this.#ports;
    for (const op of ops) {
      await perform(op, esp, os, signal);
      log.debug({ ev: 'step', op });
    }
  }
}

import type { Logger } from '@kios/agent';
import { errorCode, KiosError } from '@kios/errors';

import { UpdateError } from '../core/faults/errors.ts';
import { type BuildRecord, digestFor } from '../core/image/build-record.ts';
import {
  digestIn,
  highestIn,
  isNoted,
  type Memory,
  noteStaged,
  remember,
} from '../core/pass/memory.ts';
import type { Plan } from '../core/plan/plan.ts';
import { Esp, type EspPlace } from '../edge/esp/esp.ts';
import { digestOf, isThere, perform } from '../edge/esp/files.ts';
import type { MemoryFile } from '../edge/host/host.ts';
import { slotsOf } from '../edge/slots/slots-of.ts';
import type { Named, Staging } from '../edge/slots/slots.ts';

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

  /** Learns the digests of the generations: those that nobody remembers are read from the medium, once. */
  async learn(named: Named): Promise<void> {
    const unknown = [named.running, named.failed].filter(
      (generation) =>
        generation !== undefined &&
        !this.#lost.has(generation) &&
        digestIn(this.#memory, generation) === undefined,
    );
    if (unknown.length === 0) return;
    const { fileOf } = slotsOf(named);
    await this.#withEsp(async (esp) => {
      for (const generation of unknown) {
        if (generation === undefined) continue;
        const file = fileOf(generation);
        if (await isThere(esp.at(file))) await this.#learnFrom(esp, generation, file);
        else this.#lost.add(generation);
      }
    });
  }

  async #learnFrom(esp: Esp, generation: number, file: string): Promise<void> {
    const { signal, log } = this.#ports;
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
    const slots = slotsOf(named);
    const compare = await slots.prepare(os, record, signal);
    return this.#withEsp(async (esp) => this.#stageOn(esp, named, record, await compare(esp)));
  }

  async #stageOn(
    esp: Esp,
    named: Named,
    record: BuildRecord,
    { staged, plan: planFor }: Staging,
  ): Promise<number> {
    const { signal, log } = this.#ports;
    const { version } = record;
    const { running, failed, board } = named;
    const digest = digestFor(record, board) ?? '';
    if (
      staged !== undefined &&
      (await digestOf(esp.at(slotsOf(named).fileOf(staged)), signal)) === digest
    ) {
      await this.#noteStaged(staged, digest, true);
      return staged;
    }
    const plan = planFor(Math.max(highestIn(this.#memory), failed ?? 0));
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
  async unstage(named: Named): Promise<void> {
    await this.#withEsp(async (esp) => {
      const plan = await slotsOf(named).planUnstage(esp);
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

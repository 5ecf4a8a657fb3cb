import { KiosError } from '@kios/errors';
import { SyscallError } from '@kios/syscall';

import type { Measurement, Tracking } from '../../src/core/chronyd/candm.ts';
import type { Chronyd } from '../../src/edge/chronyd/chronyd.ts';

const NO_SOURCE: Tracking = { source: undefined, stratum: 0, offset: 0 };

/** A chronyd in memory. It keeps the contract of chronyd-contract.ts, as the real one does. */
export class FakeChronyd implements Chronyd {
  /** The commands that it was sent, in turn. */
  readonly asked: string[] = [];
  /** What its files name; it knows them after a reload. */
  files: readonly string[] = [];
  followed: Tracking = NO_SOURCE;
  known: Measurement[] = [];
  isUp = true;
  canStep = true;
  /** How often it still refuses to reload. */
  refusals = 0;

  async reloadSources(): Promise<void> {
    await this.#receive('reload');
    if (this.refusals-- > 0) throw refused('70');
    const before = new Map(this.known.map((each) => [each.source, each]));
    this.known = this.files.map(
      (source) => before.get(source) ?? { source, isReachable: false, offset: 0 },
    );
  }

  async tracking(): Promise<Tracking> {
    await this.#receive('tracking');
    return this.followed;
  }

  async measurements(): Promise<readonly Measurement[]> {
    await this.#receive('measurements');
    return this.known;
  }

  async askNow(source: string): Promise<void> {
    await this.#receive(`ask ${source}`);
    if (!this.known.some((each) => each.source === source)) throw refused('1');
  }

  async step(): Promise<void> {
    await this.#receive('step');
    if (!this.canStep) throw refused('43');
  }

  async shutDown(): Promise<void> {
    await this.#receive('end');
    this.isUp = false;
  }

  async #receive(command: string): Promise<void> {
    await Promise.resolve();
    if (!this.isUp) throw new SyscallError('connect', 'ECONNREFUSED', 'connect to chronyd');
    this.asked.push(command);
  }
}

const refused = (command: string): KiosError =>
  new KiosError('KIOS_CHRONYD_REFUSED', `run chronyd's command ${command}`);

import { retryDelay, type Logger } from '@kios/agent';
import type { Reading } from '@kios/clock';
import { KiosError } from '@kios/errors';

import type { Tracking } from '../../core/chronyd/candm.ts';
import { type Decision, decideStep, type StepRules } from '../../core/clock/step.ts';
import type { Chronyd } from '../chronyd/chronyd.ts';
import type { SourceFacts } from '../sources/sources.ts';
import type { SavedTime } from './saved-time.ts';

export interface SteerParts {
  readonly chronyd: Chronyd;
  readonly saved: Pick<SavedTime, 'floor'>;
  readonly sources: {
    readonly facts: SourceFacts | undefined;
    refuse(sources: readonly string[], why: string): Promise<void>;
  };
  readonly log: Logger;
}

/** Without an accepted update for this long, chronyd may be refusing all of them: after a pause of the machine. */
const STALE = { firstMs: 2 * 3600_000, maxMs: 24 * 3600_000 };

/**
 * Decides on each step of the clock in chronyd's place. chronyd by itself only slews, and after its first correction
 * refuses large ones, so a source that lies moves the clock slowly or not at all.
 */
export class Steer {
  readonly #parts: SteerParts;
  #steps = 0;
  #hasSynced = false;
  #pendingSince: number | undefined;
  #updated: number | undefined;
  #restarts = 0;

  constructor(parts: SteerParts) {
    this.#parts = parts;
  }

  /** Acts on one reading of the clock. chronyd may be down: the next reading comes soon. */
  async look({ steady }: Reading, isSynced: boolean, signal: AbortSignal): Promise<void> {
    try {
      const isSettled = await this.#decide(steady, signal);
      if (isSynced) this.#follow(steady, isSettled);
      else await this.#restartWhenStale(steady, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      this.#parts.log.debug({ ev: 'chronyd.silent', err: error });
    }
  }

  #follow(steady: number, isSettled: boolean): void {
    this.#updated = steady;
    this.#restarts = 0;
    if (isSettled) this.#hasSynced = true;
  }

  /** Returns whether chronyd follows a source and has no large offset left to correct. */
  async #decide(steady: number, signal: AbortSignal): Promise<boolean> {
    const { facts } = this.#parts.sources;
    if (facts === undefined || this.#mayNotStep(facts.makestep)) return false;
    const tracking = await this.#parts.chronyd.tracking(signal);
    if (tracking.source === undefined) return false;
    const rules = this.#rules(facts);
    const waited = steady - (this.#pendingSince ?? steady);
    const pending = { tracking, measurements: undefined, waited, now: Date.now() };
    let decision = decideStep(pending, rules);
    this.#pendingSince = decision.do === 'nothing' ? undefined : (this.#pendingSince ?? steady);
    if (decision.do === 'measure') {
      const measurements = await this.#parts.chronyd.measurements(signal);
      decision = decideStep({ ...pending, measurements }, rules);
    }
    await this.#act(decision, tracking, signal);
    return decision.do === 'nothing';
  }

  #mayNotStep({ limit }: SourceFacts['makestep']): boolean {
    return limit >= 0 && (this.#hasSynced || this.#steps >= limit);
  }

  #rules({ leased, makestep }: SourceFacts): StepRules {
    return {
      floor: this.#parts.saved.floor,
      threshold: makestep.threshold,
      isLeased: (source) => leased.has(source),
    };
  }

  async #act(decision: Decision, { offset, source }: Tracking, signal: AbortSignal): Promise<void> {
    const { chronyd, log, sources } = this.#parts;
    if (decision.do === 'step') {
      this.#steps++;
      log.info({ ev: 'clock.set', by: offset, source });
      await chronyd.step(signal);
    }
    if (decision.do === 'refuse') {
      await sources.refuse(decision.sources, decision.why);
      await chronyd.shutDown(signal);
    }
  }

  async #restartWhenStale(steady: number, signal: AbortSignal): Promise<void> {
    if (this.#updated === undefined) return;
    const wait = retryDelay(STALE, this.#restarts + 1);
    if (steady - this.#updated < wait) return;
    const err = new KiosError('KIOS_CLOCK_STALE', 'follow a time source');
    this.#parts.log.warn({ ev: 'clock.stale', console: true, err });
    this.#restarts++;
    this.#updated = steady;
    this.#hasSynced = false;
    this.#steps = 0;
    await this.#parts.chronyd.shutDown(signal);
  }
}

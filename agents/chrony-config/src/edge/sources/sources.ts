import { backoff, type LogFields, type Logger, type SettingFaults } from '@kios/agent';
import { KiosError } from '@kios/errors';

import { type Bad, planSources, type SourcePlan } from '../../core/sources/plan-sources.ts';
import type { TimeConfig } from '../../core/sources/time-config.ts';
import type { Chronyd } from '../chronyd/chronyd.ts';
import { type Layout, writeSources } from '../chronyd/config-files.ts';
import { Reload } from '../chronyd/reload.ts';
import { type InputArgs, readInputs, settingFaults } from './inputs.ts';

export interface SourcesParts {
  readonly args: InputArgs;
  readonly layout: Layout;
  readonly chronyd: Chronyd;
  readonly resolve: (name: string) => Promise<readonly string[]>;
  readonly log: Logger;
}

/** A server with an impossible time is asked again after this long, since it may have been set right. */
const REFUSED_FOR_MS = 3600_000;

/** The present sources, as far as the steps of the clock depend on them. */
export interface SourceFacts {
  readonly makestep: TimeConfig['makestep'];
  readonly leased: ReadonlySet<string>;
}

/** Keeps chronyd's source files in step with the inputs, and makes chronyd reload them when they change. */
export class Sources {
  readonly #parts: SourcesParts;
  readonly #resolved = new Map<string, readonly string[]>();
  readonly #reported = new Set<string>();
  readonly #faults: SettingFaults;
  readonly #reload: Reload;
  readonly #resolveWait = backoff({ firstMs: 5000, maxMs: 600_000 });
  /** Refused addresses, with the end of their time in milliseconds of the steady clock. */
  readonly #refused = new Map<string, number>();
  #facts: SourceFacts | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: SourcesParts) {
    this.#parts = parts;
    this.#reload = new Reload(parts.chronyd, parts.log);
    this.#faults = settingFaults(parts.log);
  }

  /** The facts of the last plan, or undefined before the first. */
  get facts(): SourceFacts | undefined {
    return this.#facts;
  }

  /**
   * Brings everything up to date. Returns the milliseconds until the next attempt: something failed, or a refused
   * source gets another chance.
   */
  update(signal: AbortSignal): Promise<number | undefined> {
    return this.#inTurn(() => this.#update(signal));
  }

  /** Takes a source out of chronyd's files. A chronyd that starts afterwards does not know it. */
  refuse(source: string, why: string): Promise<void> {
    return this.#inTurn(async () => {
      const err = new KiosError('KIOS_TIME_SOURCE', `take the time of ${source}: ${why}`);
      this.#parts.log.error({ ev: 'source.refused', source, err });
      this.#refused.set(source, performance.now() + REFUSED_FOR_MS);
      const { files } = await this.#plan();
      await writeSources(this.#parts.layout, files);
    });
  }

  /** Runs one change of the files after another. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(change);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #update(signal: AbortSignal): Promise<number | undefined> {
    const plan = await this.#plan();
    const changed = await writeSources(this.#parts.layout, plan.files);
    if (changed.length > 0) {
      this.#parts.log.info({ ev: 'render', changed, files: [...plan.files.keys()] });
      this.#reload.due();
    }
    const waits = [
      await this.#reload.run(signal),
      this.#waitForNames(plan),
      this.#waitForRefused(),
    ];
    const due = waits.filter((wait) => wait !== undefined);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  async #plan(): Promise<SourcePlan> {
    const { errors, faults, ...inputs } = await readInputs(this.#parts.args, this.#parts.layout);
    for (const error of errors) this.#reportOnce(error.message, { ev: 'input.bad', err: error });
    this.#faults.report(faults);
    const refused = this.#stillRefused();
    const first = planSources({ ...inputs, refused, resolved: this.#resolved });
    await Promise.all(first.names.map((name) => this.#resolve(name)));
    const plan =
      first.names.length === 0
        ? first
        : planSources({ ...inputs, refused, resolved: this.#resolved });
    this.#facts = { makestep: inputs.config.makestep, leased: plan.leased };
    for (const bad of plan.bad) this.#reportBad(bad);
    return plan;
  }

  #stillRefused(): ReadonlySet<string> {
    for (const [source, end] of this.#refused)
      if (performance.now() >= end) this.#refused.delete(source);
    return new Set(this.#refused.keys());
  }

  #waitForRefused(): number | undefined {
    if (this.#refused.size === 0) return undefined;
    return Math.max(0, Math.min(...this.#refused.values()) - performance.now());
  }

  /** Keeps the addresses once found: a pool rotates them, and that must not replace a working source. */
  async #resolve(name: string): Promise<void> {
    if (this.#resolved.has(name)) return;
    const addresses = await this.#parts.resolve(name);
    if (addresses.length > 0) this.#resolved.set(name, addresses);
  }

  #waitForNames({ names }: SourcePlan): number | undefined {
    const missing = names.filter((name) => !this.#resolved.has(name));
    if (missing.length === 0) {
      this.#resolveWait.reset();
      return undefined;
    }
    this.#parts.log.debug({ ev: 'name.unresolved', names: missing });
    return this.#resolveWait.next();
  }

  #reportBad({ origin, value, why }: Bad): void {
    this.#reportOnce(`${origin} ${value}`, { ev: 'source.bad', origin, value, why });
  }

  /** Logs a fault once, although every update finds it again. */
  #reportOnce(key: string, fields: LogFields): void {
    if (this.#reported.has(key)) return;
    this.#reported.add(key);
    this.#parts.log.warn(fields);
  }
}

import { type Logger, type SettingFaults } from '@kios/agent';
import { KiosError } from '@kios/errors';

import type { ConfSettings } from '../../core/chronyd/chrony-conf.ts';
import { confSettings } from '../../core/chronyd/conf-settings.ts';
import { CLOCK_ID } from '../../core/sources/hypervisor-clock.ts';
import { planSources, serversIn, type SourcePlan } from '../../core/sources/plan-sources.ts';
import type { TimeConfig } from '../../core/sources/time-config.ts';
import type { Chronyd } from '../chronyd/chronyd.ts';
import { ConfKeeper } from '../chronyd/conf-keeper.ts';
import { type Layout, writeConf, writeSources } from '../chronyd/config-files.ts';
import { Reload } from '../chronyd/reload.ts';
import { type InputArgs, type ReadInputs, readInputs, settingFaults } from './inputs.ts';
import { Names } from './names.ts';
import { SourceReport } from './source-report.ts';

export interface SourcesParts {
  readonly args: InputArgs;
  readonly layout: Layout;
  readonly chronyd: Chronyd;
  readonly resolve: (name: string) => Promise<readonly string[]>;
  /** Formats chrony.conf. */
  readonly conf: (settings: ConfSettings) => string;
  readonly log: Logger;
}

/** A server with an impossible time is asked again after this long, since it may have been set right. */
const REFUSED_FOR_MS = 3600_000;
/**
 * The time that bootstrap has, from the start of this agent, to say what platform this is. Until then no public server
 * is asked: most clouds have their own.
 */
const PLATFORM_WITHIN_MS = 20_000;

/** The present sources, as far as the steps of the clock depend on them. */
export interface SourceFacts {
  readonly makestep: TimeConfig['makestep'];
  readonly leased: ReadonlySet<string>;
}

/** Keeps chronyd's source files in step with the inputs, and makes chronyd reload them when they change. */
export class Sources {
  readonly #parts: SourcesParts;
  readonly #names: Names;
  readonly #conf: ConfKeeper;
  readonly #report: SourceReport;
  readonly #started = performance.now();
  readonly #faults: SettingFaults;
  readonly #reload: Reload;
  /** Refused addresses, with the end of their time in milliseconds of the steady clock. */
  readonly #refused = new Map<string, number>();
  #facts: SourceFacts | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(parts: SourcesParts) {
    this.#parts = parts;
    const { layout, chronyd, log } = parts;
    this.#reload = new Reload(chronyd, log);
    this.#names = new Names(parts);
    this.#conf = new ConfKeeper(layout, chronyd, log);
    this.#report = new SourceReport(layout.dir, log);
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

  /** Takes sources out of chronyd's files. A chronyd that starts afterwards does not know them. */
  refuse(sources: readonly string[], why: string): Promise<void> {
    return this.#inTurn(async () => {
      const inputs = await this.#read();
      for (const source of sources) {
        const err = new KiosError('KIOS_TIME_SOURCE', `take the time of ${source}: ${why}`);
        this.#parts.log.error({ ev: 'source.refused', source, err });
        for (const each of this.#serversBehind(source, inputs))
          this.#refused.set(each, performance.now() + REFUSED_FOR_MS);
      }
      const { layout, conf } = this.#parts;
      const plan = this.#planNow(inputs);
      await writeSources(layout, plan.files);
      if (sources.includes(CLOCK_ID)) await writeConf(layout, conf(confSettings(inputs, plan)));
    });
  }

  /** chronyd itself finds the address of an NTS server, by its name and what that server says. */
  #serversBehind(source: string, inputs: ReadInputs): readonly string[] {
    const { files, named } = this.#planNow(inputs);
    const known = [
      CLOCK_ID,
      ...this.#names.addresses.values(),
      ...[...files.values()].map(serversIn),
    ].flat();
    return known.includes(source) ? [source] : [source, ...named];
  }

  /** Runs one change of the files after another. */
  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(change);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  async #update(signal: AbortSignal): Promise<number | undefined> {
    const inputs = await this.#read();
    const plan = await this.#plan(inputs, signal);
    const changed = await writeSources(this.#parts.layout, plan.files);
    if (changed.length > 0) {
      this.#parts.log.info({ ev: 'render', changed, files: [...plan.files.keys()] });
      this.#reload.due();
    }
    const settings = confSettings(inputs, plan);
    const waits = [
      await this.#conf.update(this.#parts.conf(settings), performance.now(), signal),
      await this.#reload.run(signal),
      this.#names.wait(plan.names),
      this.#waitForRefused(),
      inputs.isPlatformPending === true ? this.#platformWait() : undefined,
    ];
    const due = waits.filter((wait) => wait !== undefined);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  #platformWait(): number {
    return Math.max(0, this.#started + PLATFORM_WITHIN_MS - performance.now());
  }

  async #read(): Promise<ReadInputs> {
    const inputs = await readInputs(this.#parts.args, this.#parts.layout);
    for (const err of inputs.errors) this.#report.once(err.message, { ev: 'input.bad', err });
    this.#faults.report(inputs.faults);
    const isPlatformPending = inputs.platform === undefined && this.#platformWait() > 0;
    return { ...inputs, isPlatformPending };
  }

  async #plan(inputs: ReadInputs, signal: AbortSignal): Promise<SourcePlan> {
    await this.#names.resolve(this.#planNow(inputs).names, signal);
    const plan = this.#planNow(inputs);
    this.#facts = { makestep: inputs.config.makestep, leased: plan.leased };
    await this.#report.tell(plan.notes);
    return plan;
  }

  #planNow(inputs: ReadInputs): SourcePlan {
    const [refused, resolved] = [this.#stillRefused(), this.#names.addresses];
    return planSources({ ...inputs, refused, resolved });
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
}

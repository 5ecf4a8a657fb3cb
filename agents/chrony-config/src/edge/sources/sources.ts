import { backoff, type LogFields, type Logger } from '@kios/agent';

import { type Bad, planSources, type SourcePlan } from '../../core/sources/plan-sources.ts';
import type { Chronyd } from '../chronyd/chronyd.ts';
import { type Layout, writeSources } from '../chronyd/config-files.ts';
import { type InputArgs, readInputs } from './inputs.ts';

export interface SourcesParts {
  readonly args: InputArgs;
  readonly layout: Layout;
  readonly chronyd: Chronyd;
  readonly resolve: (name: string) => Promise<readonly string[]>;
  readonly log: Logger;
}

/** Keeps chronyd's source files what the inputs say, and chronyd informed of their changes. */
export class Sources {
  readonly #parts: SourcesParts;
  readonly #resolved = new Map<string, readonly string[]>();
  readonly #told = new Set<string>();
  readonly #reloadWait = backoff({ firstMs: 1000, maxMs: 30_000 });
  readonly #resolveWait = backoff({ firstMs: 5000, maxMs: 600_000 });
  // A run that was killed between writing and telling chronyd must not leave chronyd behind.
  #isReloadDue = true;

  constructor(parts: SourcesParts) {
    this.#parts = parts;
  }

  /** Brings everything up to date; answers after how long to try again what did not work, if anything. */
  async update(signal: AbortSignal): Promise<number | undefined> {
    const plan = await this.#plan();
    const changed = await writeSources(this.#parts.layout, plan.files);
    if (changed.length > 0) {
      this.#parts.log.info({ ev: 'render', changed, files: [...plan.files.keys()] });
      this.#isReloadDue = true;
    }
    const waits = [await this.#reload(signal), this.#waitForNames(plan)];
    const due = waits.filter((wait) => wait !== undefined);
    return due.length === 0 ? undefined : Math.min(...due);
  }

  async #plan(): Promise<SourcePlan> {
    const { errors, ...inputs } = await readInputs(this.#parts.args, this.#parts.layout);
    for (const error of errors) this.#tell(error.message, { ev: 'input.bad', err: error });
    const first = planSources({ ...inputs, resolved: this.#resolved });
    await Promise.all(first.names.map((name) => this.#resolve(name)));
    const plan =
      first.names.length === 0 ? first : planSources({ ...inputs, resolved: this.#resolved });
    for (const bad of plan.bad) this.#tellBad(bad);
    return plan;
  }

  /** An answer is kept: a source that works is not swapped because a pool rotates its addresses. */
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

  async #reload(signal: AbortSignal): Promise<number | undefined> {
    if (!this.#isReloadDue) return undefined;
    try {
      await this.#parts.chronyd.reloadSources(signal);
    } catch (error) {
      if (signal.aborted) throw error;
      const wait = this.#reloadWait.next();
      // chronyd reads the files when it starts, so this is only said once.
      if (wait === 1000) this.#parts.log.info({ ev: 'chronyd.down', err: error });
      return wait;
    }
    this.#isReloadDue = false;
    this.#reloadWait.reset();
    this.#parts.log.info({ ev: 'reload', ok: true });
    return undefined;
  }

  #tellBad({ origin, value, why }: Bad): void {
    this.#tell(`${origin} ${value}`, { ev: 'source.bad', origin, value, why });
  }

  /** The same fault is read again at every change of anything; one line is enough. */
  #tell(key: string, fields: LogFields): void {
    if (this.#told.has(key)) return;
    this.#told.add(key);
    this.#parts.log.warn(fields);
  }
}

import { setTimeout as delay } from 'node:timers/promises';

import type { ModuleFile } from '../../core/index/index-files.ts';
import type { ModprobeConfig } from '../../core/index/modprobe-config.ts';
import type { ModuleIndex } from '../../core/index/module-index.ts';
import { nameOfFile } from '../../core/index/module-name.ts';
import { explain, type KernelFacts } from '../../core/loading/failure.ts';
import type { Kernel } from '../../core/loading/kernel.ts';
import { Served } from '../../core/loading/served.ts';
import { parametersFault } from '../../core/policy/parameters.ts';
import { denial, paramsOf, type Policy, serves, type Wanted } from '../../core/policy/policy.ts';
import type { LoadedModule, Report } from '../report/report.ts';
import { type Attempt, type Attempts, CANCELLED } from './attempts.ts';
import { Fate, type Outcome } from './fate.ts';

type LoadedBy = LoadedModule['by'];

export interface LoaderParts {
  readonly index: ModuleIndex;
  readonly config: ModprobeConfig;
  readonly policy: Policy;
  readonly kernel: Kernel;
  readonly facts: () => KernelFacts;
  readonly report: Report;
  /** Shared with the loaders of earlier settings. */
  readonly attempts: Attempts;
}

/** The reason for a load; `alias` is the name or alias that the operator or device gave. */
interface Reason {
  readonly by: LoadedBy;
  readonly alias: string;
}

const LOADING = { attempts: 150, waitMs: 200 };
/** Rules that others than devices may pass, or other modules: what they deny is not remembered. */
const OF_DEVICES: ReadonlySet<string> = new Set(['blacklist', 'allow']);
const USABLE: ReadonlySet<Outcome | undefined> = new Set<Outcome>(['present', 'loaded']);

/**
 * Loads modules by name or alias with their dependencies, and remembers the outcome of each. Any number of calls may
 * run at a time: a module is loaded after all that it needs, and once.
 */
export class Loader {
  readonly #parts: LoaderParts;
  readonly #fates = new Map<string, Fate>();
  readonly #served = new Served();
  #loads = 0;

  constructor(parts: LoaderParts) {
    this.#parts = parts;
  }

  /** Number of device aliases served so far. */
  get devices(): number {
    return this.#served.count;
  }

  /** Serves device aliases that are new, as many at a time as loads. Returns the number of modules loaded meanwhile. */
  async serve(aliases: Iterable<string>, by: LoadedBy): Promise<number> {
    const before = this.#loads;
    const fresh = this.#fresh(aliases);
    const work = async (): Promise<void> => {
      for (let next = fresh.next(); next.done !== true; next = fresh.next()) {
        const outcomes = await this.load(next.value, by);
        if (outcomes.length === 0) this.#parts.report.unresolved(next.value);
      }
    };
    await Promise.all(Array.from({ length: this.#parts.attempts.count }, work));
    return this.#loads - before;
  }

  *#fresh(aliases: Iterable<string>): Generator<string, void> {
    for (const alias of aliases) {
      if (serves(this.#parts.policy, alias) && this.#served.add(alias)) yield alias;
    }
  }

  /**
   * Loads all modules that a name or alias means, one after the other. Returns their outcomes; none for an unknown
   * name.
   */
  async load(alias: string, by: LoadedBy): Promise<readonly Outcome[]> {
    const lookup = this.#parts.index.lookup(alias);
    const outcomes: Outcome[] = [];
    for (const name of lookup?.names ?? []) {
      outcomes.push(await this.#loadNamed(name, lookup?.by ?? 'name', { by, alias }));
    }
    return outcomes;
  }

  /** Loads a module and all that belongs to it. Nothing is waited for before each of them has a fate. */
  async #loadNamed(name: string, wanted: Wanted, reason: Reason): Promise<Outcome> {
    const known = this.#fates.get(name) ?? this.#withoutFile(name, wanted);
    if (known !== undefined) return known.settled;
    for (const fate of this.#begin(name, reason)) await fate.settled;
    return this.#fates.get(name)?.settled ?? 'failed';
  }

  /** Returns the fate of a module that no file is loaded for. */
  #withoutFile(name: string, wanted: Wanted): Fate | undefined {
    const rule = this.#rule(name, wanted);
    if (rule !== undefined) {
      const denied = new Fate(async () => this.#deny(name, rule));
      return OF_DEVICES.has(rule) ? denied : this.#keep(name, denied);
    }
    if (this.#parts.index.module(name) !== undefined) return undefined;
    return this.#keep(name, new Fate(async () => this.#builtin(name)));
  }

  #rule(name: string, wanted: Wanted): string | undefined {
    return denial(this.#parts.policy, this.#parts.config, name, wanted);
  }

  /** Begins to load the list of a module. Each waits for those before it. */
  #begin(name: string, reason: Reason): readonly Fate[] {
    const list: Fate[] = [];
    for (const module of this.#parts.index.probeList(name)) {
      const because = module.name === name ? reason : { by: 'dep' as const, alias: module.name };
      const load = async (stuck: () => void) => this.#loadFile(module, because, stuck);
      list.push(this.#fates.get(module.name) ?? this.#keep(module.name, new Fate(load, [...list])));
    }
    return list;
  }

  async #loadFile(module: ModuleFile, reason: Reason, stuck: () => void): Promise<Outcome> {
    const { name, needs } = module;
    const { policy, config, attempts } = this.#parts;
    await attempts.running(name, stuck);
    if (await this.#isPresent(name)) {
      this.#parts.report.exists(name);
      return 'present';
    }
    const rule = reason.by === 'dep' ? this.#rule(name, 'dep') : undefined;
    if (rule !== undefined) return this.#deny(name, rule);
    const missing = needs
      .map(nameOfFile)
      .find((need) => !USABLE.has(this.#fates.get(need)?.outcome));
    if (missing !== undefined) return this.#failWithout(missing, name);
    const params = paramsOf(policy, config, name, reason.alias);
    const fault = parametersFault(params);
    if (fault === undefined) return this.#finit(module, params, reason, stuck);
    this.#fail(name, 'EINVAL', `its parameters ${fault}`);
    return 'refused';
  }

  async #finit(
    module: ModuleFile,
    params: string,
    { by, alias }: Reason,
    stuck: () => void,
  ): Promise<Outcome> {
    const { attempts, kernel, report } = this.#parts;
    const { name } = module;
    const attempt = attempts.attempt(kernel, module, params);
    void this.#tellStuck(attempt, name, stuck);
    const { errno, ms } = await attempt.ended;
    if (errno === 'EEXIST') return 'present';
    if (errno === CANCELLED) return 'stuck';
    if (errno === 'ENODEV') {
      report.nodev(name);
      return 'nodev';
    }
    if (errno !== undefined) return this.#fail(name, errno);
    this.#loads++;
    const why = { by, ...(alias !== name && { alias }), ...(params !== '' && { params }) };
    report.loaded({ name, ...why, ms });
    return 'loaded';
  }

  async #tellStuck({ left }: Attempt, name: string, stuck: () => void): Promise<void> {
    const why = await left;
    if (why === 'ended') return;
    if (why === 'stuck') this.#parts.report.stuck(name);
    stuck();
  }

  #keep(name: string, fate: Fate): Fate {
    this.#fates.set(name, fate);
    return fate;
  }

  /** Returns whether a module is loaded or built in. Waits for one that a killed run was loading. */
  async #isPresent(name: string): Promise<boolean> {
    for (let attempt = 0; attempt < LOADING.attempts; attempt++) {
      const state = this.#parts.kernel.state(name);
      if (state !== 'loading') return state !== 'absent';
      await delay(LOADING.waitMs);
    }
    return false;
  }

  #builtin(name: string): Outcome {
    const { index, kernel, report } = this.#parts;
    if (!index.isBuiltin(name) && kernel.state(name) !== 'builtin') {
      return this.#fail(name, 'ENOENT', 'the image has no such module');
    }
    report.builtin(name);
    return 'present';
  }

  #deny(name: string, rule: string): Outcome {
    this.#parts.report.denied(name, rule);
    return 'denied';
  }

  #failWithout(missing: string, name: string): Outcome {
    const rule = this.#rule(missing, 'dep');
    const by = rule === undefined ? '' : `, which is denied by ${rule}`;
    return this.#fail(name, 'ENOENT', `it needs ${missing}${by}`);
  }

  #fail(name: string, errno: string, why?: string): Outcome {
    const failure = why === undefined ? explain(errno, this.#parts.facts()) : { why };
    this.#parts.report.failed(name, errno, failure);
    return 'failed';
  }
}

import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises';

import { errorCode } from '@kios/errors';
import { SyscallError } from '@kios/syscall';

import type { ModuleFile } from '../../core/index/index-files.ts';
import type { ModprobeConfig } from '../../core/index/modprobe-config.ts';
import type { ModuleIndex } from '../../core/index/module-index.ts';
import { nameOfFile } from '../../core/index/module-name.ts';
import { explain, type KernelFacts } from '../../core/loading/failure.ts';
import type { Kernel } from '../../core/loading/kernel.ts';
import { denial, paramsOf, type Policy, serves, type Wanted } from '../../core/policy/policy.ts';
import type { LoadedModule, Report } from '../report/report.ts';

type LoadedBy = LoadedModule['by'];

/** The fate of a module in this boot; each is tried once. */
export type Outcome = 'present' | 'loaded' | 'nodev' | 'failed' | 'denied';

export interface LoaderParts {
  readonly index: ModuleIndex;
  readonly config: ModprobeConfig;
  readonly policy: Policy;
  readonly kernel: Kernel;
  readonly facts: () => KernelFacts;
  readonly report: Report;
}

/** The reason for a load; `alias` is the name or alias that the operator or device gave. */
interface Reason {
  readonly by: LoadedBy;
  readonly alias: string;
}

const USABLE: ReadonlySet<Outcome | undefined> = new Set<Outcome>(['present', 'loaded']);
const BUSY = { attempts: 5, waitMs: 200 };
const LOADING = { attempts: 150, waitMs: 200 };

/** Loads modules by name or alias with their dependencies, and remembers the outcome of each. */
export class Loader {
  readonly #parts: LoaderParts;
  readonly #outcomes = new Map<string, Outcome>();
  readonly #served = new Set<string>();
  #loads = 0;

  constructor(parts: LoaderParts) {
    this.#parts = parts;
  }

  /** Number of device aliases served so far. */
  get devices(): number {
    return this.#served.size;
  }

  /** Serves device aliases that are new. Returns the number of modules loaded. */
  async serve(aliases: Iterable<string>, by: LoadedBy): Promise<number> {
    const before = this.#loads;
    for (const alias of aliases) {
      if (this.#served.has(alias) || !serves(this.#parts.policy, alias)) continue;
      this.#served.add(alias);
      const outcomes = await this.load(alias, by);
      if (outcomes.length === 0) this.#parts.report.unresolved(alias);
    }
    return this.#loads - before;
  }

  /** Loads all modules that a name or alias means. Returns their outcomes; none for an unknown name. */
  async load(alias: string, by: LoadedBy): Promise<readonly Outcome[]> {
    const lookup = this.#parts.index.lookup(alias);
    const outcomes: Outcome[] = [];
    for (const name of lookup?.names ?? []) {
      outcomes.push(await this.#loadNamed(name, lookup?.by ?? 'name', { by, alias }));
    }
    return outcomes;
  }

  async #loadNamed(name: string, wanted: Wanted, reason: Reason): Promise<Outcome> {
    const known = this.#outcomes.get(name);
    if (known !== undefined) return known;
    const { policy, config, index } = this.#parts;
    const rule = denial(policy, config, name, wanted);
    // Not remembered: a blacklisted module may still be loaded by name or as a dependency.
    if (rule === 'blacklist') return this.#deny(name, rule);
    if (rule !== undefined) return this.#settle(name, this.#deny(name, rule));
    if (index.module(name) === undefined) return this.#settle(name, this.#builtin(name));
    for (const module of index.probeList(name)) {
      if (this.#outcomes.has(module.name)) continue;
      const because = module.name === name ? reason : { by: 'dep' as const, alias: module.name };
      this.#settle(module.name, await this.#loadFile(module, because));
    }
    return this.#outcomes.get(name) ?? 'failed';
  }

  async #loadFile(module: ModuleFile, reason: Reason): Promise<Outcome> {
    const { name, needs } = module;
    if (await this.#isPresent(name)) {
      this.#parts.report.exists(name);
      return 'present';
    }
    const { policy, config } = this.#parts;
    const rule = reason.by === 'dep' ? denial(policy, config, name, 'dep') : undefined;
    if (rule !== undefined) return this.#deny(name, rule);
    const missing = needs.map(nameOfFile).find((need) => !USABLE.has(this.#outcomes.get(need)));
    if (missing !== undefined) return this.#fail(name, 'ENOENT', `it needs ${missing}`);
    return this.#finit(module, reason);
  }

  async #finit({ name, file }: ModuleFile, { by, alias }: Reason): Promise<Outcome> {
    const params = paramsOf(this.#parts.policy, this.#parts.config, name);
    const started = performance.now();
    const errno = await this.#attempt(file, params);
    const ms = Math.round(performance.now() - started);
    // Lets signals and device events through between two modules.
    await turn();
    if (errno === 'EEXIST') return 'present';
    if (errno === 'ENODEV') {
      this.#parts.report.nodev(name);
      return 'nodev';
    }
    if (errno !== undefined) return this.#fail(name, errno);
    this.#loads++;
    const why = { by, ...(alias !== name && { alias }), ...(params !== '' && { params }) };
    this.#parts.report.loaded({ name, ...why, ms });
    return 'loaded';
  }

  /** Returns the errno that a load ended with, if any. EBUSY is retried, and ENOMEM once, as both are transient. */
  async #attempt(file: string, params: string): Promise<string | undefined> {
    for (let attempt = 1; ; attempt++) {
      const errno = this.#tryLoad(file, params);
      if (errno === 'EBUSY' && attempt < BUSY.attempts) await delay(BUSY.waitMs);
      else if (errno === 'ENOMEM' && attempt === 1) await delay(1000);
      else return errno;
    }
  }

  #tryLoad(file: string, params: string): string | undefined {
    try {
      this.#parts.kernel.load(file, params);
      return undefined;
    } catch (error) {
      if (error instanceof SyscallError) return error.errno;
      return errorCode(error) ?? String(error);
    }
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

  #fail(name: string, errno: string, why?: string): Outcome {
    const failure = why === undefined ? explain(errno, this.#parts.facts()) : { why };
    this.#parts.report.failed(name, errno, failure);
    return 'failed';
  }

  #settle(name: string, outcome: Outcome): Outcome {
    this.#outcomes.set(name, outcome);
    return outcome;
  }
}

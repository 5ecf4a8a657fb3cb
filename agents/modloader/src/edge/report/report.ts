import type { Logger } from '@kios/agent';
import type { ModulesStatus } from '@kios/node-state';

import type { Failure } from '../../core/loading/failure.ts';
import { STUCK_SECONDS } from '../../core/loading/slots.ts';

type Lists = Pick<
  ModulesStatus,
  'loaded' | 'builtin' | 'failed' | 'denied' | 'unresolved' | 'stuck'
>;
export type LoadedModule = ModulesStatus['loaded'][number];

/** Who hears of outcomes besides the log. */
export interface Listeners {
  /** Some list changed. */
  readonly changed?: () => void;
  /** A module was loaded; `alias` is whole. */
  readonly loaded?: (module: LoadedModule) => void;
}

/** Characters of the device kinds without a driver that are listed: a flood of made-up ones must not fill memory. */
const MAX_UNRESOLVED = 1 << 17;

/** Reports outcomes of modules: one log line each, and the lists of the status file. */
export class Report {
  readonly #log: Logger;
  readonly #listeners: Listeners;
  #unresolvedLength = 0;
  readonly #lists: { [Key in keyof Lists]: Lists[Key] } = {
    loaded: [],
    builtin: [],
    failed: [],
    denied: [],
    unresolved: [],
    stuck: [],
  };

  constructor(log: Logger, listeners: Listeners = {}) {
    this.#log = log;
    this.#listeners = listeners;
  }

  get lists(): Lists {
    return this.#lists;
  }

  #changed(): void {
    this.#listeners.changed?.();
  }

  /** Forgets what was not loaded: with other settings it may be. */
  tryAgain(): void {
    this.#lists.failed = [];
    this.#lists.denied = [];
    this.#lists.unresolved = [];
    this.#unresolvedLength = 0;
    this.#changed();
  }

  /** The settings say something else of a module than when it was loaded, and modules stay as they are. */
  waits(name: string, why: string): void {
    this.#log.warn({ ev: 'mod.waits', name, why, remedy: 'It counts from the next boot.' });
  }

  /** The module's init function has not returned in half a minute. It goes on, and its outcome is told as well. */
  stuck(name: string): void {
    this.#lists.stuck.push(name);
    const remedy = 'The driver waits for its device; the kernel log says more.';
    this.#log.warn({ ev: 'mod.stuck', name, seconds: STUCK_SECONDS, remedy });
    this.#changed();
  }

  /** A load came to its end. */
  #ended(name: string): void {
    this.#lists.stuck = this.#lists.stuck.filter((stuck) => stuck !== name);
  }

  loaded({ alias, ...rest }: LoadedModule): void {
    this.#ended(rest.name);
    // Cut: a processor's alias lists all its features.
    const module = alias === undefined ? rest : { ...rest, alias: alias.slice(0, 80) };
    this.#lists.loaded.push(module);
    this.#log.info({ ev: 'mod.load', ...module });
    this.#listeners.loaded?.({ ...rest, ...(alias !== undefined && { alias }) });
    this.#changed();
  }

  builtin(name: string): void {
    this.#lists.builtin.push(name);
    this.#log.debug({ ev: 'mod.builtin', name });
    this.#changed();
  }

  exists(name: string): void {
    this.#log.debug({ ev: 'mod.exists', name });
  }

  /** The driver found no device, as most drivers of processor features do. */
  nodev(name: string): void {
    this.#ended(name);
    this.#log.info({ ev: 'mod.nodev', name });
  }

  failed(name: string, errno: string, failure: Failure): void {
    this.#ended(name);
    this.#lists.failed.push({ name, errno, why: failure.why });
    this.#log.warn({ ev: 'mod.fail', name, errno, ...failure });
    this.#changed();
  }

  denied(name: string, rule: string): void {
    if (this.#lists.denied.some((entry) => entry.name === name)) return;
    this.#lists.denied.push({ name, rule });
    this.#log.info({ ev: 'mod.denied', name, rule });
    this.#changed();
  }

  unresolved(alias: string): void {
    if (this.#unresolvedLength + alias.length > MAX_UNRESOLVED) return;
    this.#unresolvedLength += alias.length;
    this.#lists.unresolved.push(alias);
    this.#log.debug({ ev: 'alias.none', alias });
    this.#changed();
  }
}

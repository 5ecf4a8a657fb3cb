import type { AgentContext, Logger, SettingFault, SettingFaults } from '@kios/agent';

import type { Device } from '../../core/devices/device.ts';
import { byUrgency, isLate, isUrgent } from '../../core/loading/rank.ts';
import type { Batch } from '../devices/event-queue.ts';
import { loadDrivers } from './coldplug.ts';
import type { Loader } from './loader.ts';
import { readLoadFiles } from './module-files.ts';
import { type Session, settingFaults, type Work } from './session.ts';

/** Serves devices with one loader, from the first walk to the last event. */
export class Daemon {
  readonly #loadDir: string;
  #session: Session;
  #loader: Loader;
  readonly #log: Logger;
  readonly #signal: AbortSignal;
  readonly #faults: SettingFaults;
  /** Set once late devices are served too. */
  #isLateToo = false;

  constructor(
    loadDir: string,
    { session, loader }: Pick<Work, 'session' | 'loader'>,
    { log, signal }: AgentContext,
  ) {
    this.#loadDir = loadDir;
    this.#session = session;
    this.#loader = loader;
    this.#log = log;
    this.#signal = signal;
    this.#faults = settingFaults(log);
  }

  /** Loads the network's drivers, other drivers, the operator's list and the profiles, in this order. */
  async start(): Promise<void> {
    const started = performance.now();
    // Repeated for the network's devices alone, children of buses included: the whole boot waits for them.
    await this.#coldplug(() => this.#session.devices.onBuses(), isUrgent);
    this.#log.info({ ev: 'coldplug.network', ms: Math.round(performance.now() - started) });
    await this.#coldplug(() => this.#session.devices.onBuses());
    await this.#loadListed();
    await this.#coldplug(() => this.#session.devices.all());
    const ms = Math.round(performance.now() - started);
    this.#log.info({ ev: 'coldplug.done', devices: this.#loader.devices, ms });
    await this.#loadProfile(this.#session.profileNames);
  }

  /** Loads the late devices' drivers and profiles. */
  async later(): Promise<void> {
    this.#isLateToo = true;
    await this.#coldplug(() => this.#session.devices.all());
    await this.#loadProfile(this.#session.laterNames);
    this.#log.info({ ev: 'later.done', devices: this.#loader.devices });
  }

  /** Takes settings that changed: what they let in is loaded now. What is loaded stays. */
  async renew({ session, loader }: Pick<Work, 'session' | 'loader'>): Promise<void> {
    this.#session = session;
    this.#loader = loader;
    await this.#loadListed();
    await this.#coldplug(() => this.#session.devices.all());
    await this.#loadProfile(this.#session.profileNames);
    if (this.#isLateToo) await this.#loadProfile(this.#session.laterNames);
  }

  /** Serves devices that appeared. Returns whether it loaded a module. */
  async serve({ aliases, isOverrun }: Batch): Promise<boolean> {
    const due = aliases.filter((alias) => this.#isDue(alias));
    const loaded = (await this.#loader.serve(byUrgency(due), 'uevent')) > 0;
    if (!isOverrun) return loaded;
    this.#log.warn({ ev: 'uevent.overrun' });
    return (await this.#coldplug(() => this.#session.devices.all())) || loaded;
  }

  #isDue(alias: string): boolean {
    return this.#isLateToo || !isLate(alias);
  }

  async #coldplug(
    devices: () => AsyncIterable<Device>,
    isWanted: (alias: string) => boolean = () => true,
  ): Promise<boolean> {
    if (!this.#session.policy.coldplug.enabled) return false;
    const isDue = (alias: string): boolean => this.#isDue(alias) && isWanted(alias);
    return loadDrivers(this.#loader, devices, this.#signal, isDue);
  }

  async #loadListed(): Promise<void> {
    const faults: SettingFault[] = [];
    const names = await readLoadFiles(this.#loadDir, faults);
    this.#faults.report(faults);
    const listed = names.map((name) => ({ name, required: true }));
    for (const { name, required } of [...this.#session.policy.load, ...listed]) {
      const outcomes = await this.#loader.load(name, 'config');
      if (outcomes.length > 0) continue;
      if (required) this.#log.error({ ev: 'mod.unknown', name });
      else this.#log.warn({ ev: 'mod.unknown', name });
    }
  }

  async #loadProfile(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (this.#signal.aborted) return;
      await this.#loader.load(name, 'profile');
    }
  }
}

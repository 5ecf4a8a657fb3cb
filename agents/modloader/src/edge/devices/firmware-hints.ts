import type { Logger } from '@kios/agent';

import type { Devices } from '../../core/devices/device.ts';
import { firmwareOf } from '../../core/devices/modinfo.ts';

/** A driver that needs no firmware has its device by then. */
const HINT_AFTER_MS = 5000;

/** What the hints are made of. `read` returns the bytes of a module's file. */
export interface HintParts {
  readonly devices: Devices;
  readonly read: (name: string) => Promise<Uint8Array>;
  readonly log: Logger;
  readonly afterMs?: number;
}

/**
 * Looks, some seconds after drivers were loaded, which of them have left their device without a driver, and names the
 * firmware that they ask the kernel for. The kernel reads that in init's root, where a pod cannot look.
 */
export class FirmwareHints implements Disposable {
  readonly #parts: HintParts;
  /** Modules by the alias that they were loaded for. */
  readonly #recent = new Map<string, readonly string[]>();
  readonly #hinted = new Set<string>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: HintParts) {
    this.#parts = parts;
  }

  /** A module was loaded for a device of this kind. */
  loaded(name: string, alias: string): void {
    this.#recent.set(alias, [...(this.#recent.get(alias) ?? []), name]);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.look(), this.#parts.afterMs ?? HINT_AFTER_MS);
    this.#timer.unref();
  }

  /** Says which of the modules loaded lately may miss their firmware. */
  async look(): Promise<void> {
    const recent = new Map(this.#recent);
    this.#recent.clear();
    const { devices, log } = this.#parts;
    try {
      for await (const { path, aliases } of devices.onBuses()) {
        const names = aliases.flatMap((alias) => recent.get(alias) ?? []);
        if (names.length === 0 || devices.driverOf(path) !== undefined) continue;
        for (const name of names) await this.#hint(name, path);
      }
      const waiting = devices.awaitingFirmware();
      if (waiting.length > 0) log.warn({ ev: 'firmware.hint', waiting });
    } catch (error) {
      log.warn({ ev: 'firmware.unknown', err: error });
    }
  }

  async #hint(name: string, device: string): Promise<void> {
    if (this.#hinted.has(name)) return;
    this.#hinted.add(name);
    const firmware = firmwareOf(await this.#parts.read(name));
    if (firmware.length === 0) return;
    const remedy = 'Add it to the image if it is missing there (docs/firmware.md).';
    this.#parts.log.warn({ ev: 'firmware.hint', name, device, firmware, remedy });
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

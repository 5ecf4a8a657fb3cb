import path from 'node:path';

import { type Logger, readIfThere } from '@kios/agent';
import { isErrno } from '@kios/syscall';

import type { Chronyd } from './chronyd.ts';
import { type Layout, writeConf } from './config-files.ts';

/**
 * kubelet starts a container that ended at once when its last start of that kind is more than ten minutes ago, twice
 * the longest of its pauses (kuberuntime_manager.go, doBackOff). Sooner it pauses for 10 s, then 20 s, up to 5 minutes.
 */
const RESTART_EVERY_MS = 660_000;

/**
 * Keeps chrony.conf current. chronyd reads it only when it starts, so a change ends chronyd, whose container then
 * starts again. The file is written together with that: what lies there is what chronyd runs with.
 */
export class ConfKeeper {
  readonly #layout: Layout;
  readonly #chronyd: Pick<Chronyd, 'tracking' | 'shutDown'>;
  readonly #log: Logger;
  #nextRestart = 0;

  constructor(layout: Layout, chronyd: Pick<Chronyd, 'tracking' | 'shutDown'>, log: Logger) {
    this.#layout = layout;
    this.#chronyd = chronyd;
    this.#log = log;
  }

  /** Returns the milliseconds until the change may be made; undefined when nothing is left to do. */
  async update(conf: string, now: number, signal: AbortSignal): Promise<number | undefined> {
    const before = await readIfThere(path.join(this.#layout.dir, 'chrony.conf'));
    if (before === conf) return undefined;
    // Without the file, a chronyd that runs was started with another one.
    const isDown = before === undefined || !(await this.#isUp(signal));
    const wait = this.#nextRestart - now;
    if (!isDown && wait > 0) return wait;
    await writeConf(this.#layout, conf);
    this.#log.info({ ev: 'render', changed: ['chrony.conf'] });
    if (isDown) return undefined;
    this.#nextRestart = now + RESTART_EVERY_MS;
    this.#log.info({ ev: 'chronyd.restart', why: 'chrony.conf has changed' });
    await this.#chronyd.shutDown(signal).catch((error: unknown) => {
      if (signal.aborted) throw error;
      // It ended by itself, and reads the new file when it starts.
      this.#log.debug({ ev: 'chronyd.silent', err: error });
    });
    return undefined;
  }

  async #isUp(signal: AbortSignal): Promise<boolean> {
    try {
      await this.#chronyd.tracking(signal);
      return true;
    } catch (error) {
      if (signal.aborted) throw error;
      // One that is only slow to reply runs with what it has read.
      return !isErrno(error, 'ECONNREFUSED', 'ENOENT');
    }
  }
} // prettier-ignore

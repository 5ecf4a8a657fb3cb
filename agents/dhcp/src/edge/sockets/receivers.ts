import { type Logger, sleep } from '@kios/agent';
import { DecodeError } from '@kios/bytes';
import { describe } from '@kios/errors';
import { isErrno } from '@kios/syscall';

import { isPassing } from './dhcp-socket.ts';

const REPORT_EVERY_MS = 1000;
/** The most packets of one socket that are read in this time. The kernel drops what does not fit its queue. */
const BURST = 64;
const BURST_MS = 20;

type Level = 'info' | 'warn';

/** Reports dropped packets, at most once a second: anybody on the network may send any number of them. */
export class Drops {
  readonly #log: Logger;
  readonly #link: string;
  readonly #level: Level;
  #count = 0;
  #reportedAt = -Infinity;

  constructor(log: Logger, link: string, level: Level) {
    this.#log = log;
    this.#link = link;
    this.#level = level;
  }

  add(fields: Readonly<Record<string, unknown>>): void {
    this.#count += 1;
    const now = performance.now();
    if (now - this.#reportedAt < REPORT_EVERY_MS) return;
    this.#reportedAt = now;
    this.#log[this.#level]({ ev: 'rx.drop', link: this.#link, ...fields, count: this.#count });
    this.#count = 0;
  }
}

/**
 * Lets through as many packets as a network can have meant for this link, and makes the rest wait. Reading a socket
 * that is never empty would leave no time for timers, signals and other sockets.
 */
class Throttle {
  #count = 0;
  #since = -Infinity;

  async pass(signal: AbortSignal): Promise<void> {
    const now = performance.now();
    if (now - this.#since >= BURST_MS) [this.#count, this.#since] = [0, now];
    this.#count += 1;
    if (this.#count > BURST) await sleep(BURST_MS, signal);
  }
}

/** Receives until the socket is closed or the signal is raised. Malformed packets are dropped. */
export async function receiveAll(
  receive: () => Promise<void>,
  drops: Drops,
  signal: AbortSignal,
): Promise<void> {
  const throttle = new Throttle();
  while (!signal.aborted) {
    try {
      await throttle.pass(signal);
      await receive();
    } catch (error) {
      if (signal.aborted || isErrno(error, 'ECANCELED', 'EBADF')) return;
      // The link went down: nothing was dropped, and nothing arrives until it is up again.
      if (isPassing(error)) continue;
      if (!(error instanceof DecodeError)) throw error;
      drops.add({ why: describe(error) });
    }
  }
}

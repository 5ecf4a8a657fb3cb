import type { Logger } from '@kios/agent';
import { DecodeError } from '@kios/bytes';
import { describe } from '@kios/errors';
import { isErrno } from '@kios/syscall';

import { isPassing } from './dhcp-socket.ts';

const REPORT_EVERY_MS = 1000;

/** Reports dropped packets, at most once a second: anybody on the network may send any number of them. */
export class Drops {
  readonly #log: Logger;
  readonly #link: string;
  #count = 0;
  #reportedAt = -Infinity;

  constructor(log: Logger, link: string) {
    this.#log = log;
    this.#link = link;
  }

  add(error: unknown): void {
    this.#count += 1;
    const now = performance.now();
    if (now - this.#reportedAt < REPORT_EVERY_MS) return;
    this.#reportedAt = now;
    this.#log.info({ ev: 'rx.drop', link: this.#link, why: describe(error), count: this.#count });
    this.#count = 0;
  }
}

/** Receives until the socket is closed or the signal is raised. Malformed packets are dropped. */
export async function receiveAll(
  receive: () => Promise<void>,
  drops: Drops,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await receive();
    } catch (error) {
      if (signal.aborted || isErrno(error, 'ECANCELED', 'EBADF')) return;
      // The link went down: nothing was dropped, and nothing arrives until it is up again.
      if (isPassing(error)) continue;
      if (!(error instanceof DecodeError)) throw error;
      drops.add(error);
    }
  }
}

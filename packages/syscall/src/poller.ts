import { readSync, writeSync } from 'node:fs';

import { errno, libc } from './libc.ts';
import { SyscallError } from './syscall-error.ts';

const POLLIN = 1;
const ENTRY_SIZE = 8;
const EFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;

/**
 * Waits for file descriptors that the runtime's event loop cannot watch. All share one blocking poll(2) on one pool
 * thread, which an eventfd interrupts when the set changes. Without waiters there is no thread, so the process may end.
 */
class Poller {
  readonly #waiting = new Map<number, () => void>();
  #wakeFd = -1;
  #polling = false;

  wait(fd: number, ready: () => void): void {
    if (this.#waiting.has(fd)) throw new SyscallError('poll', 'EBUSY', `wait for descriptor ${fd}`);
    this.#waiting.set(fd, ready);
    if (this.#polling) this.#wake();
    else this.#poll();
  }

  cancel(fd: number): void {
    if (this.#waiting.delete(fd)) this.#wake();
  }

  #wake(): void {
    if (this.#polling) writeSync(this.#wakeFd, new Uint8Array([1, 0, 0, 0, 0, 0, 0, 0]));
  }

  #open(): void {
    this.#wakeFd = libc.eventfd()(0, EFD_NONBLOCK_CLOEXEC);
    if (this.#wakeFd < 0) throw new SyscallError('eventfd', errno(), 'open wake-up descriptor');
    // The runtime joins its pool threads at exit, and one blocked in poll(2) would keep it from exiting.
    process.once('exit', () => this.#wake());
  }

  #poll(): void {
    if (this.#wakeFd < 0) this.#open();
    const fds = [this.#wakeFd, ...this.#waiting.keys()];
    const entries = Buffer.alloc(fds.length * ENTRY_SIZE);
    for (const [index, fd] of fds.entries()) {
      entries.writeInt32LE(fd, index * ENTRY_SIZE);
      entries.writeInt16LE(POLLIN, index * ENTRY_SIZE + 4);
    }
    this.#polling = true;
    libc.poll().async(entries, fds.length, -1, () => {
      this.#polling = false;
      this.#drainWake();
      // Error events count too: the reader's next read reports the error.
      const ready = fds.slice(1).filter((_, at) => entries.readInt16LE((at + 1) * ENTRY_SIZE + 6));
      this.#notify(ready);
      if (this.#waiting.size > 0 && !this.#polling) this.#poll();
    });
  }

  #notify(ready: readonly number[]): void {
    for (const fd of ready) {
      const callback = this.#waiting.get(fd);
      this.#waiting.delete(fd);
      callback?.();
    }
  }

  #drainWake(): void {
    try {
      readSync(this.#wakeFd, new Uint8Array(8));
    } catch {
      // Nothing to drain, because another descriptor ended the poll.
    }
  }
}

/** One poller serves the whole process. */
export const poller = new Poller();

import { setTimeout as delay } from 'node:timers/promises';

import { connectAbstract, listenAbstract } from './socket.ts';
import { isErrno } from './syscall-error.ts';

const RETRY_MS = 200;

/** A single-instance lock. The kernel releases it when the process ends, in whatever way. */
export interface Lock extends Disposable {
  readonly name: string;
}

/** Takes the lock. Returns undefined when another process in this network namespace holds it. */
export function tryLock(name: string): Lock | undefined {
  const socket = listenAbstract(name);
  return socket && { name, [Symbol.dispose]: () => socket.close() };
}

/** Takes the lock, waiting while another process holds it. */
export async function lock(name: string, signal?: AbortSignal): Promise<Lock> {
  for (;;) {
    const taken = tryLock(name);
    if (taken !== undefined) return taken;
    await released(name, signal);
  }
}

/** Waits until the lock is released: the connection to its holder stays silent until the holder's socket is closed. */
async function released(name: string, signal?: AbortSignal): Promise<void> {
  using holder = connectAbstract(name);
  // The holder does not listen yet, or it has gone between the two calls.
  if (holder === undefined) {
    await delay(RETRY_MS, undefined, signal && { signal });
    return;
  }
  try {
    await holder.receive(signal);
  } catch (error) {
    if (!isErrno(error, 'ECONNRESET')) throw error;
  }
}

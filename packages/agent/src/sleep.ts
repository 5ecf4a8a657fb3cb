import { setTimeout as delay } from 'node:timers/promises';

/** Longer timers fire at once in Node and Bun. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Waits for any number of milliseconds. Rejects when aborted. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  let left = ms;
  for (; left > LONGEST_TIMER_MS; left -= LONGEST_TIMER_MS) {
    await delay(LONGEST_TIMER_MS, undefined, { signal });
  }
  await delay(left, undefined, { signal });
}

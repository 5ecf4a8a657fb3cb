import { sleep } from '@kios/agent';
import type { Uevent, UeventSource } from '@kios/netlink';

export type Turn = Uevent | 'overrun' | 'later';

/** Yields device events and, once, `later`. One loop serves both, because a loader does one thing at a time. */
export async function* turns(
  uevents: UeventSource,
  laterMs: number,
  signal: AbortSignal,
): AsyncGenerator<Turn> {
  const events = uevents.events(signal)[Symbol.asyncIterator]();
  const later = sleep(laterMs, signal).then(
    () => 'later' as const,
    () => undefined,
  );
  let isLaterDue = true;
  let next = events.next();
  while (!signal.aborted) {
    const first = await (isLaterDue ? Promise.race([next, later]) : next);
    if (first === 'later') {
      isLaterDue = false;
      yield 'later';
    } else if (first === undefined || first.done === true) return;
    else {
      next = events.next();
      yield first.value;
    }
  }
}

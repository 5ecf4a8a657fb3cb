import { sleep } from '@kios/agent';
import type { Uevent, UeventSource } from '@kios/netlink';

export type Turn = Uevent | 'overrun' | 'later' | 'changed';

/** Waits until the operator's files have changed; it rejects when it is stopped. */
export type Change = (signal: AbortSignal) => Promise<void>;

/**
 * Yields device events, changes of the operator's files and, once, `later`. One loop serves all, because a loader does
 * one thing at a time.
 */
export async function* turns(
  uevents: UeventSource,
  laterMs: number,
  change: Change,
  signal: AbortSignal,
): AsyncGenerator<Turn> {
  const events = uevents.events(signal)[Symbol.asyncIterator]();
  const sources: readonly (() => Promise<Turn | undefined>)[] = [
    async () => {
      const next = await events.next();
      return next.done === true ? undefined : next.value;
    },
    async () => {
      await sleep(laterMs, signal);
      return 'later';
    },
    async () => {
      await change(signal);
      return 'changed';
    },
  ];
  const ask = async (source: () => Promise<Turn | undefined>) => {
    try {
      return { source, turn: await source() };
    } catch (error) {
      if (!signal.aborted) throw error;
      return { source, turn: undefined };
    }
  };
  const pending = new Map(sources.map((source) => [source, ask(source)]));
  while (!signal.aborted) {
    const { source, turn } = await Promise.race(pending.values());
    if (turn === undefined) return;
    if (turn === 'later') pending.delete(source);
    else pending.set(source, ask(source));
    yield turn;
  }
}

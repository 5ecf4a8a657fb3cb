import { type Logger, sleep } from '@kios/agent';
import type { NetworkEvent } from '@kios/netlink';

import { type Carriers, carriersAfter, opensWay } from '../../core/network/way.ts';
import { canonicalIp } from '../../core/sources/address.ts';
import type { Chronyd } from '../chronyd/chronyd.ts';

/** A way is complete a moment after its first event: an address comes before its route. */
const SETTLE_MS = 200;
/** Between two rounds, so that a link that comes and goes sends no flood of requests. */
const PAUSE_MS = 10_000;

export interface AskAgainParts {
  readonly chronyd: Pick<Chronyd, 'measurements' | 'askNow'>;
  readonly events: AsyncIterable<NetworkEvent>;
  /** Called when a way may have opened. */
  readonly onWay: () => void;
  readonly log: Logger;
}

/** Remembers that something happened until somebody waits for it. */
class Bell {
  #rung = Promise.withResolvers<void>();

  ring(): void {
    this.#rung.resolve();
  }

  async wait(signal: AbortSignal): Promise<void> {
    const { promise, reject } = Promise.withResolvers<never>();
    const stop = (): void => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    await Promise.race([this.#rung.promise, promise]);
    signal.removeEventListener('abort', stop);
  }

  reset(): void {
    this.#rung = Promise.withResolvers<void>();
  }
}

/**
 * Has chronyd ask silent sources at once when a way to them may have opened. By itself it would ask a source that it
 * could not reach at boot again after a minute or later.
 */
export async function askAgain(parts: AskAgainParts, signal: AbortSignal): Promise<void> {
  const bell = new Bell();
  await Promise.all([listen(parts, bell), serve(parts, bell, signal)]);
}

async function listen({ events, onWay }: AskAgainParts, bell: Bell): Promise<void> {
  let carriers: Carriers = new Map();
  for await (const event of events) {
    if (opensWay(event, carriers)) {
      bell.ring();
      onWay();
    }
    carriers = carriersAfter(carriers, event);
  }
}

async function serve(parts: AskAgainParts, bell: Bell, signal: AbortSignal): Promise<never> {
  for (;;) {
    await bell.wait(signal);
    await sleep(SETTLE_MS, signal);
    bell.reset();
    await askSilent(parts, signal);
    await sleep(PAUSE_MS, signal);
  }
}

/** A chronyd that is down asks all its sources when it starts. */
async function askSilent({ chronyd, log }: AskAgainParts, signal: AbortSignal): Promise<void> {
  const asked: string[] = [];
  try {
    for (const { source, isReachable } of await chronyd.measurements(signal)) {
      // A reference clock has no address, and cannot be asked.
      if (source === undefined || canonicalIp(source) === undefined || isReachable) continue;
      await chronyd.askNow(source, signal);
      asked.push(source);
    }
  } catch (error) {
    if (signal.aborted) throw error;
    log.debug({ ev: 'chronyd.silent', err: error });
  }
  if (asked.length > 0) log.info({ ev: 'source.asked', sources: asked });
}

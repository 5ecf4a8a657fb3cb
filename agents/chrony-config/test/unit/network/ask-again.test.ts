import { createLogger } from '@kios/agent';
import type { NetworkEvent } from '@kios/netlink';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { askAgain } from '../../../src/edge/network/ask-again.ts';
import { FakeChronyd } from '../../support/fake-chronyd.ts';

const [SILENT, HEARD] = ['192.0.2.1', '192.0.2.7'];
const ROUTE: NetworkEvent = {
  tag: 'route',
  gone: false,
  route: { dst: '0.0.0.0/0', ifindex: 2, metric: 0, protocol: 0, scope: 0 },
};
const log = createLogger('chrony-config', {
  console: { send: () => {}, close: () => Promise.resolve() },
  stdout: { write: () => true },
});

let chronyd: FakeChronyd;
let send: (event: NetworkEvent) => void;
let stop: AbortController;
let ways: number;
let running: Promise<string>;

/** Events as they are sent. */
async function* sent(signal: AbortSignal): AsyncGenerator<NetworkEvent> {
  let next = Promise.withResolvers<NetworkEvent>();
  send = (event) => next.resolve(event);
  signal.addEventListener('abort', () => next.reject(signal.reason));
  for (;;) {
    const event = await next.promise;
    next = Promise.withResolvers<NetworkEvent>();
    yield event;
  }
}

beforeEach(() => {
  chronyd = new FakeChronyd();
  chronyd.known = [
    { source: SILENT, isReachable: false, offset: 0 },
    { source: HEARD, isReachable: true, offset: 0 },
    { source: undefined, isReachable: false, offset: 0 },
    { source: 'PHC0', isReachable: false, offset: 0 },
  ];
  stop = new AbortController();
  ways = 0;
  const onWay = (): void => void ways++;
  const parts = { chronyd, events: sent(stop.signal), onWay, log };
  running = askAgain(parts, stop.signal).then(() => 'ended by itself', String);
});
afterEach(async () => {
  stop.abort(new Error('end'));
  await running;
});

const untilAsked = (times: number) =>
  expect
    .poll(() => chronyd.asked.filter((each) => each.startsWith('ask')), { timeout: 10_000 })
    .toHaveLength(times);

describe('when a way opens', { timeout: 20_000 }, () => {
  it('each silent source is asked, and no other', async () => {
    send(ROUTE);
    await untilAsked(1);
    expect(chronyd.asked).toEqual(['measurements', `ask ${SILENT}`]);
    expect(ways).toBe(1);
  });

  it('several events in a row are one', async () => {
    for (let count = 0; count < 5; count++) {
      send(ROUTE);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await untilAsked(1);
    expect(chronyd.asked.filter((each) => each === 'measurements')).toHaveLength(1);
  });

  it('a chronyd that is down is left alone', async () => {
    chronyd.isUp = false;
    const { promise, resolve } = Promise.withResolvers<void>();
    const measure = chronyd.measurements.bind(chronyd);
    chronyd.measurements = async () => {
      resolve();
      return measure();
    };
    send(ROUTE);
    await promise;
    expect(chronyd.asked).toEqual([]);
    stop.abort('end');
    expect(await running).toBe('end');
  });
});

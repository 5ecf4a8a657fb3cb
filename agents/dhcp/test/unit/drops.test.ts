import type { LogFields } from '@kios/agent';
import { afterEach, expect, it, vi } from 'vitest';

import { Drops } from '../../src/edge/sockets/receivers.ts';

const nothing = (): void => undefined;

afterEach(() => vi.restoreAllMocks());

it('drops are logged once a second, with their number since', () => {
  const lines: LogFields[] = [];
  const log = {
    debug: nothing,
    info: nothing,
    warn: (fields: LogFields) => void lines.push(fields),
    error: nothing,
    close: () => Promise.resolve(),
  };
  const clock = vi.spyOn(performance, 'now');
  const drops = new Drops(log, 'eth0', 'warn');
  for (let at = 0; at < 3000; at++) {
    clock.mockReturnValue(at);
    drops.add({ why: 'no lease time', from: '10.0.0.1' });
  }
  expect(lines.map(({ count }) => count)).toEqual([1, 1000, 1000]);
  expect(lines[0]).toMatchObject({ ev: 'rx.drop', link: 'eth0', why: 'no lease time' });
});

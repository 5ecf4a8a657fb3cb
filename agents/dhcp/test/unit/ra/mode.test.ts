import { describe, expect, it } from 'vitest';

import { chooseMode } from '../../../src/core/ra/mode.ts';
import {
  afterSolicitation,
  DONE,
  encodeSolicitation,
  startSoliciting,
} from '../../../src/core/ra/solicitation.ts';

const SILENT = { received: false, managed: false, other: false };
const HEARD = { ...SILENT, received: true };
const OTHER = { ...HEARD, other: true };
const MANAGED = { ...OTHER, managed: true };

describe('the use of DHCPv6', () => {
  it.each([
    ['routers', undefined, true, 'off'],
    ['routers', HEARD, true, 'off'],
    ['routers', OTHER, false, 'stateless'],
    ['routers', MANAGED, false, 'stateful'],
    // The kernel keeps the flags of a link that was down: a server that was there is asked at once.
    ['routers', { ...MANAGED, received: false }, false, 'stateful'],
    ['on', undefined, false, 'off'],
    ['on', SILENT, true, 'stateful'],
    ['on', HEARD, true, 'off'],
    ['on', OTHER, true, 'stateless'],
    ['always', undefined, false, 'stateful'],
    ['always', HEARD, true, 'stateful'],
    ['off', MANAGED, true, 'off'],
  ] as const)('%s: flags %o, quiet %s: %s', (choice, flags, isQuiet, mode) => {
    expect(chooseMode(choice, flags, isQuiet)).toBe(mode);
  });
});

describe('router solicitations', () => {
  it('are three, four seconds apart', () => {
    const first = startSoliciting(1000);
    const second = afterSolicitation(first, 1000);
    const third = afterSolicitation(second, 5000);
    expect([first, second, third].map(({ nextAt }) => nextAt)).toEqual([1000, 5000, 9000]);
    expect(afterSolicitation(third, 9000)).toEqual(DONE);
  });

  it('have the hardware address, so that the reply needs no question', () => {
    expect([...encodeSolicitation('52:54:00:12:34:56')]).toEqual([
      133, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56,
    ]);
  });
});

import { describe, expect, it } from 'vitest';

import { insanityOf, isSynced } from '../src/index.ts';

const FLOOR = Date.parse('2026-11-01T00:00:00Z');
const YEAR = 365.25 * 24 * 3600 * 1000;

describe('a clock is insane', () => {
  it.each([
    ['1970-01-01T00:00:00Z', 'before 2026-11-01T00:00:00Z'],
    ['2026-10-31T23:59:59Z', 'before 2026-11-01T00:00:00Z'],
    ['2046-11-01T00:00:00Z', 'twenty years or more after 2026-11-01T00:00:00Z'],
    ['2100-01-01T00:00:00Z', 'twenty years or more after 2026-11-01T00:00:00Z'],
  ])('at %s', (time, side) => {
    expect(insanityOf(Date.parse(time), FLOOR)).toContain(`it says ${time}, ${side}`);
  });

  it.each([FLOOR, FLOOR + 1, FLOOR + 19.9 * YEAR])('not at %d', (now) => {
    expect(insanityOf(now, FLOOR)).toBeUndefined();
  });
});

describe('a clock is synced', () => {
  it.each([
    [true, 0.9, true],
    [true, 1, true],
    [true, 1.1, false],
    [false, 0, false],
  ])('synchronised %s, off by at most %d s: %s', (synchronised, maxErrorSeconds, expected) => {
    expect(isSynced({ synchronised, maxErrorSeconds })).toBe(expected);
  });

  it('as closely as a caller needs', () => {
    expect(isSynced({ synchronised: true, maxErrorSeconds: 0.2 }, 0.1)).toBe(false);
    expect(isSynced({ synchronised: true, maxErrorSeconds: 3 }, 5)).toBe(true);
  });
});

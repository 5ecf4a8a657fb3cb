import { expect, it } from 'vitest';

import { Pace } from '../../../src/core/network/pace.ts';

const LIMIT = { most: 3, everyMs: 1000 } as const;

/** Repeats as often as the pace allows for these milliseconds, with `ms` between two at least. */
function timesWithin(pace: Pace, from: number, until: number, ms: number): number[] {
  const times: number[] = [];
  for (let now = from; now < until; now += Math.max(ms, pace.next(now))) times.push(now - from);
  return times;
}

it('a few follow each other at once, and beyond them there is one a second', () => {
  const pace = new Pace(LIMIT);
  expect(timesWithin(pace, 500, 5000, 50)).toEqual([0, 50, 100, 1000, 2000, 3000, 4000]);
});

it('after a rest a few follow each other again', () => {
  const pace = new Pace(LIMIT);
  timesWithin(pace, 0, 5000, 50);
  expect(timesWithin(pace, 9000, 10_500, 50)).toEqual([0, 50, 100, 1000]);
});

it('what is seldom never waits', () => {
  const pace = new Pace(LIMIT);
  for (let now = 0; now < 20_000; now += 1000) expect(pace.next(now)).toBe(0);
});

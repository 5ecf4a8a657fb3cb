import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { extrapolate, trendOf } from '../../../../src/bench/growth/trend.ts';

const number = fc.integer({ min: -1000, max: 1000 });
const places = fc.uniqueArray(number, { minLength: 2, maxLength: 30 });

it('a straight line is found as it is, without an error', () => {
  fc.assert(
    fc.property(places, number, number, (xs, start, slope) => {
      const trend = trendOf(xs.map((x) => [x, start + slope * x] as const));
      expect(trend?.slope).toBeCloseTo(slope, 6);
      expect(trend?.start).toBeCloseTo(start, 4);
      expect(trend?.error).toBeCloseTo(0, 4);
    }),
  );
});

it('neither the order of the points nor the begin of the clock counts', () => {
  const points = fc.uniqueArray(fc.tuple(number, number), { minLength: 2, selector: ([x]) => x });
  fc.assert(
    fc.property(points, number, (given, shift) => {
      const slope = trendOf(given)?.slope ?? 0;
      expect(trendOf(given.toReversed())?.slope).toBeCloseTo(slope, 6);
      expect(trendOf(given.map(([x, y]) => [x + shift, y] as const))?.slope).toBeCloseTo(slope, 6);
    }),
  );
});

it('a day is as many hours, in growth and in error', () => {
  const points = [[0, 0], [0.5, 2], [1, 1]] as const; // prettier-ignore
  const hour = extrapolate(points, 1);
  const day = extrapolate(points, 24);
  expect(hour?.growth).toBeCloseTo(1);
  expect(hour?.error).toBeGreaterThan(0);
  expect(day?.growth).toBeCloseTo(24);
  expect(day?.error).toBeCloseTo(24 * (hour?.error ?? 0));
});

it('one place has no trend', () => {
  expect(trendOf([])).toBeUndefined();
  expect(trendOf([[1, 1]])).toBeUndefined();
  expect(extrapolate([[1, 1], [1, 2]], 24)).toBeUndefined(); // prettier-ignore
});

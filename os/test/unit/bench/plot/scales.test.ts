import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { linearScale, logScale, roundTicks } from '../../../../src/bench/plot/scales.ts';

const anyValues = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 1 });
/** A measured value is 0, or not so small that numbers next to each other are the same. */
const measured = anyValues.map((values) =>
  values.map((value) => (Math.abs(value) < 1e-9 ? 0 : value)),
);

describe('round ticks', () => {
  it.each([
    [
      [0, 5],
      [0, 1, 2, 3, 4, 5],
    ],
    [[0.31], [0, 0.1, 0.2, 0.3, 0.4]],
    [
      [1, 110],
      [0, 25, 50, 75, 100, 125],
    ],
    [
      [-3, 4],
      [-4, -2, 0, 2, 4],
    ],
    [[0], [0, 1]],
    [[], [0, 1]],
  ])('of %j are %j', (values, ticks) => {
    expect(roundTicks(values)).toEqual(ticks);
  });

  it('enclose 0 and all values, in equal steps, of which there are few', () => {
    fc.assert(
      fc.property(measured, (values) => {
        const ticks = roundTicks(values);
        const [low = 0, high = 0] = [ticks[0], ticks.at(-1)];
        const slack = (high - low) * 1e-6;
        expect(low).toBeLessThanOrEqual(Math.min(0, ...values) + slack);
        expect(high).toBeGreaterThanOrEqual(Math.max(0, ...values) - slack);
        expect(ticks).toContain(0);
        expect(ticks.length).toBeLessThanOrEqual(8);
        const step = (high - low) / (ticks.length - 1);
        for (const [index, tick] of ticks.entries())
          expect(Math.abs(tick - low - index * step)).toBeLessThanOrEqual(slack);
      }),
    );
  });
});

describe('scales', () => {
  it('a linear one keeps order and stays on the axis', () => {
    fc.assert(
      fc.property(measured, (values) => {
        const scale = linearScale(values);
        const sorted = values.toSorted((one, other) => one - other);
        const places = sorted.map((value) => scale.at(value));
        for (const [index, place] of places.entries()) {
          expect(place).toBeGreaterThanOrEqual(-1e-6);
          expect(place).toBeLessThanOrEqual(1 + 1e-6);
          expect(place).toBeGreaterThanOrEqual((places[index - 1] ?? -1) - 1e-12);
        }
      }),
    );
  });

  it('a linear one begins at 0, so that a small growth looks small', () => {
    const scale = linearScale([4.1, 4.2]);
    expect(scale.at(0)).toBe(0);
    expect(scale.at(4.2) - scale.at(4.1)).toBeLessThan(0.05);
  });

  it('a logarithmic one makes equal ratios equally long and marks its values once', () => {
    const scale = logScale([2048, 512, 8192, 512]);
    expect(scale.ticks).toEqual([512, 2048, 8192]);
    expect([512, 2048, 8192].map((value) => scale.at(value))).toEqual([0, 0.5, 1]);
    expect(logScale([512]).at(512)).toBe(0.5);
  });
});

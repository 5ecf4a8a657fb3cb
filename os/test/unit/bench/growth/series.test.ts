import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import {
  measured,
  mergeSamples,
  plotOf,
  rowsOf,
  type View,
} from '../../../../src/bench/growth/series.ts';

const anySamples = fc.array(
  fc.record({
    x: fc.integer({ min: 0, max: 9 }),
    values: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.integer()),
  }),
);

it('joined samples have each place once, in order, with all values, the later ones on top', () => {
  fc.assert(
    fc.property(anySamples, (samples) => {
      const merged = mergeSamples(samples);
      const places = merged.map(({ x }) => x);
      expect(places).toEqual([...new Set(samples.map(({ x }) => x))].toSorted((a, b) => a - b));
      for (const { x, values } of merged)
        for (const [name, value] of Object.entries(values))
          expect(samples.findLast((one) => one.x === x && name in one.values)?.values[name]).toBe(
            value,
          );
      expect(mergeSamples(merged)).toEqual(merged);
    }),
  );
});

const VIEW: View = {
  title: 'Growth',
  x: { title: 'pods', kind: 'linear' },
  panels: [
    {
      title: 'seconds',
      lines: [
        measured('first', 'first'),
        { name: 'each', valueOf: ({ x, values }) => (values['last'] ?? Number.NaN) / x },
      ],
    },
  ],
};
const SAMPLES = [
  { x: 1, values: { first: 4 } },
  { x: 10, values: { first: 4.51234, last: 30 } },
];

it('a plot has the points that were measured, and those that follow from them', () => {
  const { panels, caption } = plotOf(VIEW, SAMPLES, 'today');
  expect(caption).toBe('today');
  expect(panels[0]?.lines).toEqual([
    { name: 'first', points: [[1, 4], [10, 4.51234]] },
    { name: 'each', points: [[10, 3]] },
  ]); // prettier-ignore
});

it('a table has a column for each line', () => {
  expect(rowsOf(VIEW, SAMPLES)).toEqual([
    ['pods', 'first: seconds', 'each: seconds'],
    ['1', '4', '-'],
    ['10', '4.512', '3'],
  ]);
});

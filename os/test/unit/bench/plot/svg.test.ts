import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { drawPlot, escapeXml, type Plot } from '../../../../src/bench/plot/svg.ts';

const plot = (points: readonly (readonly [number, number])[], name = 'a'): Plot => ({
  title: 'Boot & memory',
  caption: '2026-11-30, commit <none>',
  x: { title: 'MiB', kind: 'linear' },
  panels: [
    {
      title: 'seconds',
      lines: [
        { name, points },
        { name: 'b', points: [] },
      ],
    },
    { title: 'MiB', lines: [{ name: 'c', points }] },
  ],
});

/** Returns the names of elements that are not closed in the order in which they were opened. */
function unclosed(xml: string): string[] {
  const open: string[] = [];
  for (const [, close, name = '', alone] of xml.matchAll(/<(\/?)(\w+)[^<>]*?(\/?)>/g)) {
    if (alone === '/') continue;
    if (close === '') open.push(name);
    else if (open.pop() !== name) return [name];
  }
  return open;
}

it('draws each line of each panel with a mark for each point', () => {
  const svg = drawPlot(plot([[0, 1], [5, 2], [10, 4]])); // prettier-ignore
  expect(svg.match(/<polyline /g)).toHaveLength(3);
  expect(svg.match(/<circle /g)).toHaveLength(6);
  expect(svg).toContain('<title>a: 2 at 5</title>');
});

it('says what it shows, when and of which commit', () => {
  const svg = drawPlot(plot([[1, 1]]));
  for (const text of ['Boot &amp; memory', 'commit &lt;none&gt;', '>seconds<', '>MiB<'])
    expect(svg).toContain(text);
});

it('puts the highest value at the top, and 0 on the axis', () => {
  const svg = drawPlot(plot([[0, 0], [10, 5]])); // prettier-ignore
  const [, axis = '', top = ''] = /<polyline points="64,([\d.]+) [\d.]+,([\d.]+)"/.exec(svg) ?? [];
  expect(Number(axis) - Number(top)).toBe(240);
});

it('is well-formed without NaN, whatever was measured', () => {
  const value = fc.double({ min: 0, max: 1e9, noNaN: true });
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value)), fc.string(), (points, name) => {
      const svg = drawPlot(plot(points, name));
      expect(unclosed(svg)).toEqual([]);
      // A name may be this word; places are in attributes.
      expect(svg).not.toMatch(/="[^"]*NaN/);
    }),
  );
});

it('leaves nothing in a text that XML would read', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(escapeXml(text)).not.toMatch(/[<>"]|&(?!amp;|lt;|gt;|quot;)/);
    }),
  );
});

import { describe, expect, it } from 'vitest';

import { lookPause } from '../src/index.ts';

/** Returns the times of all looks within so many seconds. */
function looks(seconds: number): readonly number[] {
  const times: number[] = [];
  for (let at = 0; at < seconds * 1000; at += lookPause(at)) times.push(at / 1000);
  return times;
}

describe('looks at a clock that does not get synchronised', () => {
  it('come twice a second at first', () => {
    expect(looks(20)).toHaveLength(40);
  });

  it('become rare: a hundred in two minutes, five hundred in an hour', () => {
    expect(looks(120).length).toBeLessThan(120);
    expect(looks(3600).length).toBeLessThan(530);
  });

  it('never delay what they wait for by more than a fortieth, half a second, or ten seconds', () => {
    const times = looks(3600);
    for (const [index, at] of times.slice(1).entries()) {
      const before = times[index] ?? 0;
      expect(at - before).toBeLessThanOrEqual(Math.min(Math.max(before / 40, 0.5), 10) + 1e-9);
    }
  });
});

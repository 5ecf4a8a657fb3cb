import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { backoff, retryDelay } from '../src/retry.ts';

describe('retryDelay', () => {
  it.each([
    [1, 1000],
    [2, 2000],
    [5, 16_000],
    [6, 30_000],
    [1_000_000, 30_000],
  ])('after %i failures is %i ms', (failures, delay) => {
    expect(retryDelay({ firstMs: 1000, maxMs: 30_000 }, failures)).toBe(delay);
  });

  it('stays within the jitter of a delay that never shrinks', () => {
    fc.assert(
      fc.property(
        fc.nat(),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (n, entropy) => {
          const plain = retryDelay({ firstMs: 100, maxMs: 5000 }, n);
          const jittered = retryDelay({ firstMs: 100, maxMs: 5000, jitter: 0.2 }, n, entropy);
          expect(Math.abs(jittered - plain)).toBeLessThanOrEqual(plain * 0.2 + 1);
          expect(retryDelay({ firstMs: 100, maxMs: 5000 }, n + 1)).toBeGreaterThanOrEqual(plain);
        },
      ),
    );
  });
});

describe('backoff', () => {
  it('grows with each failure and starts over after a success', () => {
    const wait = backoff({ firstMs: 10, maxMs: 1000 });
    expect([wait.next(), wait.next(), wait.next()]).toEqual([10, 20, 40]);
    wait.reset();
    expect(wait.next()).toBe(10);
  });
});

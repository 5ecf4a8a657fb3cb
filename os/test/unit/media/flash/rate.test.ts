import { expect, it } from 'vitest';

import { formatRate } from '../../../../src/media/flash/rate.ts';

it('tells how much is done, how fast it goes and how long it will take', () => {
  expect(formatRate(400_000_000, 1_600_000_000, 20_000)).toBe(
    '25 %, 400.0 MB of 1.6 GB, 20.0 MB/s, 60.0 s left',
  );
});

it('does not guess what it cannot know', () => {
  expect(formatRate(0, 1_600_000_000, 0)).toBe('0 %, 0 B of 1.6 GB, 0 B/s');
  expect(formatRate(50_000_000, undefined, 1000)).toBe('50.0 MB, 50.0 MB/s');
});

import { expect, it } from 'vitest';

import { formatRate, Meter } from '../../../../src/workstation/terminal/rate.ts';

it('tells how much is done, how fast it goes and how long it will take', () => {
  expect(formatRate(400_000_000, 1_600_000_000, 20_000)).toBe('25 %, 20.0 MB/s, 60.0 s left');
});

it('estimates long work in minutes', () => {
  expect(formatRate(1_000_000_000, 32_000_000_000, 50_000)).toBe('3 %, 20.0 MB/s, 26 min left');
});

it('does not guess what it cannot know', () => {
  expect(formatRate(0, 1_600_000_000, 0)).toBe('0 %');
  expect(formatRate(50_000_000, undefined, 1000)).toBe('50.0 MB, 50.0 MB/s');
  expect(formatRate(0, undefined, 0)).toBe('0 B');
});

it('notes the progress of a file in the scale of files', () => {
  const notes: string[] = [];
  let now = 0;
  const meter = new Meter(
    (note) => notes.push(note),
    10 * 1024 * 1024,
    () => now,
  );
  meter.add(1024 * 1024);
  now = 2000;
  meter.add(3 * 1024 * 1024);
  expect(notes).toEqual(['10 %', '40 %, 2.0 MiB/s, 3.0 s left']);
});

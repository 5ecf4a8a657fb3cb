import { afterEach, beforeEach, expect, it, vi } from 'vitest';

import { noteOf, silenceOf, watching } from '../../../src/conformance/boot-watch.ts';
import type { Progress } from '../../../src/workstation/progress.ts';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const speaker = (startedAt: number, ...seen: number[]) => ({
  console: { events: seen.map((seenAt) => ({ seenAt })) },
  running: { startedAt },
});

it('counts a silence from power-on, and from the last event when there is one', () => {
  expect(silenceOf(speaker(1000), 61_000)).toBe(60_000);
  expect(silenceOf(speaker(1000, 20_000, 50_000), 61_000)).toBe(11_000);
});

it('says nothing of the silence that is part of a boot', () => {
  expect(noteOf('lease', 20_000)).toBe('lease');
  expect(noteOf('lease', 130_000)).toBe('lease, silent for 2 min 10 s');
});

it('shows the last step, and goes on to say that the node is silent while nothing happens', async () => {
  const seen: string[] = [];
  const progress: Progress = {
    info: () => {},
    task: async (title, work) => work((detail) => seen.push(`${title}: ${detail}`)),
  };
  const node = speaker(Date.now());
  const { promise, resolve } = Promise.withResolvers<string>();
  const task = watching(progress, 'boot the second node', node).task('boot the node', (note) => {
    note('firmware');
    return promise;
  });
  await vi.advanceTimersByTimeAsync(40_000);
  expect(seen[0]).toBe('boot the second node: firmware');
  expect(seen.at(-1)).toBe('boot the second node: firmware, silent for 40.0 s');
  resolve('done');
  await expect(task).resolves.toBe('done');
  const { length } = seen;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(seen).toHaveLength(length);
});

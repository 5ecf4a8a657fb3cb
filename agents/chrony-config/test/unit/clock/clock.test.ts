import type { Reading } from '@kios/clock';
import { describe, expect, it } from 'vitest';

import { type Clock, isNews, nextClock } from '../../../src/core/clock/clock.ts';

const FLOOR = Date.parse('2026-11-01T00:00:00Z');
const at = (seconds: number, more: Partial<Reading> = {}): Reading => ({
  now: FLOOR + seconds * 1000,
  steady: seconds * 1000,
  synchronised: false,
  maxErrorSeconds: 16,
  ...more,
});
const START = { floor: FLOOR, sources: {} };
const synced = { synchronised: true, maxErrorSeconds: 0.01 };

/** Applies the readings in turn. Returns the clock and the events after each. */
function look(...readings: Reading[]): { clocks: Clock[]; events: string[][] } {
  const clocks: Clock[] = [];
  const events: string[][] = [];
  for (const reading of readings) {
    const next = nextClock(clocks.at(-1), reading, { ...START, epoch: 0 });
    clocks.push(next.clock);
    events.push(next.events.map(({ ev }) => ev));
  }
  return { clocks, events };
}

describe('nextClock', () => {
  it('reports once that the clock is sane, synced and lost', () => {
    const { events } = look(at(1), at(2), at(3, synced), at(4, synced), at(5));
    expect(events).toEqual([['clock.sane'], [], ['clock.synced'], [], ['clock.lost']]);
  });

  it('does not call a clock synced when it may be off by seconds', () => {
    const { clocks } = look(at(1, { synchronised: true, maxErrorSeconds: 3 }));
    expect(clocks[0]?.state).toMatchObject({ sane: true, synced: false });
  });

  it('reports a clock before the build time of the image, and its step to the present', () => {
    const { events } = look({ ...at(1), now: 0 }, at(2));
    expect(events).toEqual([['clock.insane'], ['clock.sane', 'clock.step']]);
  });

  it('does not take slewing for a step', () => {
    expect(look(at(1), { ...at(61), now: FLOOR + 61_400 }).events[1]).toEqual([]);
    expect(look(at(1), { ...at(61), now: FLOOR + 61_600 }).events[1]).toEqual(['clock.step']);
  });

  it.each([
    ['of half a minute', 30, 4],
    ['of a quarter of an hour', 900, 4],
    ['of more than that', 901, 5],
    ['back by more than that', -901, 5],
  ])('counts a step %s: %d s', (_, seconds, epoch) => {
    const start = { ...START, epoch: 4 };
    const { clock } = nextClock(undefined, at(3600, synced), start);
    expect(clock.state.epoch).toBe(4);
    const stepped = { ...at(3601, synced), now: FLOOR + (3601 + seconds) * 1000 };
    const next = nextClock(clock, stepped, start);
    expect(next.clock.state.epoch).toBe(epoch);
    expect(next.events).toEqual([{ ev: 'clock.step', by: seconds, epoch }]);
    // It is counted once.
    const later = { ...stepped, now: stepped.now + 1000, steady: stepped.steady + 1000 };
    expect(nextClock(next.clock, later, start).clock.state.epoch).toBe(epoch);
  });

  it('keeps the time since which the clock is synced or not', () => {
    const { clocks } = look(at(1), at(2), at(3, synced), at(4, synced));
    expect(clocks.map(({ state }) => Date.parse(state.since) - FLOOR)).toEqual([
      1000, 1000, 3000, 3000,
    ]);
  });
});

it('counts changes that readers act on as news, but not a drifting offset', () => {
  const state = {
    v: 1,
    sane: true,
    synced: true,
    since: '',
    source: 'a',
    stratum: 2,
    offset: 1,
    epoch: 0,
  } as const;
  expect(isNews(undefined, state)).toBe(true);
  expect(isNews(state, { ...state, offset: 2, maxError: 3 })).toBe(false);
  expect(isNews(state, { ...state, source: 'b' })).toBe(true);
  expect(isNews(state, { ...state, synced: false })).toBe(true);
  expect(isNews(state, { ...state, epoch: 1 })).toBe(true);
  expect(isNews(state, { ...state, servers: 'silent' })).toBe(true);
});

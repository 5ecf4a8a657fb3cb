import { createLogger } from '@kios/agent';
import { beforeEach, describe, expect, it } from 'vitest';

import type { Measurement, Tracking } from '../../../src/core/chronyd/candm.ts';
import { Steer } from '../../../src/edge/clock/steer.ts';

const LEASED = '192.0.2.1';
const PUBLIC = '203.0.113.1';
const LARGE = 3 * 24 * 3600;
const { signal } = new AbortController();

/** What was asked of chronyd, and what it says. */
let asked: string[];
let tracking: Tracking;
let measurements: Measurement[];
let refused: string[];
let steer: Steer;

const note = async (what: string): Promise<void> => Promise.resolve(void asked.push(what));
const chronyd = {
  reloadSources: async () => note('reload'),
  tracking: async () => Promise.resolve(tracking),
  measurements: async () => {
    await note('measurements');
    return measurements;
  },
  step: async () => note('step'),
  shutDown: async () => note('end'),
};
const log = createLogger('chrony-config', {
  console: { send: () => {}, close: () => Promise.resolve() },
  stdout: { write: () => true },
});

beforeEach(() => {
  [asked, refused] = [[], []];
  tracking = { source: LEASED, stratum: 2, offset: 0 };
  measurements = [{ source: PUBLIC, offset: 0, isReachable: false }];
  const facts = { leased: new Set([LEASED]), makestep: { threshold: 0.1, limit: 1 } };
  steer = new Steer({
    chronyd,
    saved: { floor: Date.now() - 10 * LARGE * 1000 },
    sources: { facts, refuse: async (source) => Promise.resolve(void refused.push(source)) },
    log,
  });
});

const look = async (steady: number, offset: number, isSynced = false): Promise<void> => {
  tracking = { ...tracking, offset };
  await steer.look(
    { steady, now: Date.now(), synchronised: isSynced, maxErrorSeconds: 0 },
    isSynced,
    signal,
  );
};

describe('a clock', () => {
  it('that is slewed costs no measurements', async () => {
    for (const offset of [0, 0.1, -0.1]) await look(0, offset);
    expect(asked).toEqual([]);
  });

  it('is not stepped again once it was synced and right', async () => {
    await look(0, 0.1, true);
    await look(1, 500);
    expect(asked).toEqual([]);
  });

  it('may still be stepped while a large offset is left, synced or not', async () => {
    tracking = { ...tracking, source: undefined };
    await look(0, 0, true);
    tracking = { ...tracking, source: LEASED };
    await look(1, 500, true);
    expect(asked).toEqual(['step']);
  });
});

describe('a large step from a leased source', () => {
  it('waits for another source from the moment when the offset was first seen', async () => {
    await look(100_000, LARGE);
    await look(114_000, LARGE);
    expect(asked).toEqual(['measurements', 'measurements']);
    await look(115_000, LARGE);
    expect(asked.at(-1)).toBe('step');
  });

  it('waits anew when the offset was small meanwhile', async () => {
    await look(100_000, LARGE);
    await look(110_000, 0);
    await look(120_000, LARGE);
    expect(asked).not.toContain('step');
  });

  it('is refused when another source has another time', async () => {
    measurements = [{ source: PUBLIC, offset: -LARGE, isReachable: true }];
    await look(0, LARGE);
    expect(refused).toEqual([LEASED]);
    expect(asked).toEqual(['measurements', 'end']);
  });
});

import { createLogger } from '@kios/agent';
import { beforeEach, describe, expect, it } from 'vitest';

import { Steer } from '../../../src/edge/clock/steer.ts';
import { FakeChronyd } from '../../support/fake-chronyd.ts';

const LEASED = '192.0.2.1';
const PUBLIC = '203.0.113.1';
const LARGE = 3 * 24 * 3600;
const { signal } = new AbortController();

let chronyd: FakeChronyd;
let refused: string[];
let steer: Steer;

/** The commands but for `tracking`, which every look asks. */
const asked = (): readonly string[] => chronyd.asked.filter((each) => each !== 'tracking');
const log = createLogger('chrony-config', {
  console: { send: () => {}, close: () => Promise.resolve() },
  stdout: { write: () => true },
});

beforeEach(() => {
  refused = [];
  chronyd = new FakeChronyd();
  chronyd.followed = { source: LEASED, stratum: 2, offset: 0 };
  chronyd.known = [{ source: PUBLIC, offset: 0, isReachable: false }];
  const facts = { leased: new Set([LEASED]), makestep: { threshold: 0.1, limit: 1 } };
  steer = new Steer({
    chronyd,
    saved: { floor: Date.now() - 10 * LARGE * 1000 },
    sources: { facts, refuse: async (sources) => Promise.resolve(void refused.push(...sources)) },
    log,
  });
});

const look = async (steady: number, offset: number, isSynced = false): Promise<void> => {
  chronyd.followed = { ...chronyd.followed, offset };
  await steer.look(
    { steady, now: Date.now(), synchronised: isSynced, maxErrorSeconds: 0 },
    isSynced,
    signal,
  );
};

describe('a clock', () => {
  it('that is slewed costs no measurements', async () => {
    for (const offset of [0, 0.1, -0.1]) await look(0, offset);
    expect(asked()).toEqual([]);
  });

  it('is not stepped again once it was synced and right', async () => {
    await look(0, 0.1, true);
    await look(1, 500);
    expect(asked()).toEqual([]);
  });

  it('may still be stepped while a large offset is left, synced or not', async () => {
    chronyd.followed = { ...chronyd.followed, source: undefined };
    await look(0, 0, true);
    chronyd.followed = { ...chronyd.followed, source: LEASED };
    await look(1, 500, true);
    expect(asked()).toEqual(['step']);
  });
});

describe('a large step from a leased source', () => {
  it('waits for another source from the moment when the offset was first seen', async () => {
    await look(100_000, LARGE);
    await look(114_000, LARGE);
    expect(asked()).toEqual(['measurements', 'measurements']);
    await look(115_000, LARGE);
    expect(asked().at(-1)).toBe('step');
  });

  it('waits anew when the offset was small meanwhile', async () => {
    await look(100_000, LARGE);
    await look(110_000, 0);
    await look(120_000, LARGE);
    expect(asked()).not.toContain('step');
  });

  it('is refused when another source has another time', async () => {
    chronyd.known = [{ source: PUBLIC, offset: -LARGE, isReachable: true }];
    await look(0, LARGE);
    expect(refused).toEqual([LEASED]);
    expect(asked()).toEqual(['measurements', 'end']);
  });
});

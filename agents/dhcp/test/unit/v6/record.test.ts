import { formatState, Lease6 as Lease6Record } from '@kios/node-state';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import type { Lease6 } from '../../../src/core/v6/lease/lease.ts';
import { fromRecord6, toRecord6 } from '../../../src/core/v6/lease/record.ts';

const LEASE: Lease6 = {
  server: '0003',
  addresses: [
    { address: '2001:db8::5', preferredUntil: 1_800_000, validUntil: 3_600_000 },
    { address: '2001:db8::6', preferredUntil: Infinity, validUntil: Infinity },
  ],
  t1At: 900_000,
  t2At: 1_440_000,
  config: { dns: ['2001:db8::53'], search: ['a.example'], ntp: [] },
};
const WALL = Date.parse('2026-11-27T12:00:00Z');
const WHERE = {
  link: 'eth0',
  mac: '52:54:00:12:34:56',
  bootId: 'this',
  clocks: { now: 100_000, wall: WALL },
};

/** What the next instance reads. */
const stored = (lease: Lease6 | undefined): Lease6Record =>
  v.parse(
    Lease6Record,
    JSON.parse(formatState(Lease6Record, toRecord6(lease, LEASE.config, WHERE))),
  );

describe('the record of a DHCPv6 lease', () => {
  it('is the same lease within a boot, whatever the wall clock says', () => {
    const clocks = { now: 200_000, wall: 0 };
    expect(fromRecord6(stored(LEASE), 'this', clocks)).toEqual(LEASE);
  });

  it('loses the time that passed until the next boot', () => {
    const clocks = { now: 5000, wall: WALL + 600_000 };
    const lease = fromRecord6(stored(LEASE), 'next', clocks);
    // Of 3500 seconds 600 have passed.
    expect(lease?.addresses.map(({ validUntil }) => validUntil)).toEqual([2_905_000, Infinity]);
    expect(lease).toMatchObject({ t1At: 205_000, t2At: 745_000, server: '0003' });
  });

  it('is not prolonged by a clock that went back', () => {
    const clocks = { now: 5000, wall: 0 };
    const lease = fromRecord6(stored(LEASE), 'next', clocks);
    expect(lease?.addresses[0]?.validUntil).toBe(3_505_000);
  });

  it('is none when nothing of it is valid', () => {
    const short = { ...LEASE, addresses: LEASE.addresses.slice(0, 1) };
    const clocks = { now: 3_600_000, wall: WALL };
    expect(fromRecord6(stored(short), 'this', clocks)).toBeUndefined();
  });

  it('says that configuration alone is no lease', () => {
    const record = stored(undefined);
    expect(record).toMatchObject({ state: 'informed', addresses: [], dns: ['2001:db8::53'] });
    expect(fromRecord6(record, 'this', { now: 0, wall: WALL })).toBeUndefined();
  });
});

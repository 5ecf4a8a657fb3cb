import { describe, expect, it } from 'vitest';

import { type Address6, planLease6 } from '../../../src/core/v6/kernel/plan.ts';
import type { Lease6 } from '../../../src/core/v6/lease/lease.ts';

const LEASE: Lease6 = {
  server: '0003',
  addresses: [{ address: '2001:db8::5', preferredUntil: 1_800_000, validUntil: Infinity }],
  t1At: 900_000,
  t2At: 1_440_000,
  config: { dns: [], search: [], ntp: [] },
};
const WANTED: Address6 = {
  ifindex: 2,
  address: '2001:db8::5',
  prefix: 128,
  protocol: 16,
  noPrefixRoute: true,
  preferredSeconds: 1799,
  validSeconds: 0xffff_ffff,
};

describe('a plan for IPv6 addresses', () => {
  it('sets an address with its lifetimes, rounded down, and no route to a prefix', () => {
    expect(planLease6(LEASE, 2, [], 500)).toEqual([{ tag: 'set-address', address: WANTED }]);
  });

  it('is empty when it has been carried out', () => {
    expect(planLease6(LEASE, 2, [{ ...WANTED, preferredSeconds: 1798 }], 500)).toEqual([]);
  });

  it('sets lifetimes that differ', () => {
    const present = [{ ...WANTED, preferredSeconds: 100 }];
    expect(planLease6(LEASE, 2, present, 500)).toEqual([{ tag: 'set-address', address: WANTED }]);
  });

  it('removes what is ours alone, after the additions', () => {
    const old = { ...WANTED, address: '2001:db8::4' };
    const slaac = { ...WANTED, address: '2001:db8::6', protocol: 2 };
    const elsewhere = { ...old, ifindex: 3 };
    const gone = { tag: 'delete-address', address: old };
    expect(planLease6(LEASE, 2, [old, slaac, elsewhere], 500)).toEqual([
      { tag: 'set-address', address: WANTED },
      gone,
    ]);
    expect(planLease6(undefined, 2, [old, slaac, elsewhere], 500)).toEqual([gone]);
  });

  it('has no address after its end', () => {
    const over = { ...LEASE, addresses: [{ ...LEASE.addresses[0]!, validUntil: 900 }] };
    expect(planLease6(over, 2, [], 500)).toEqual([]);
  });
});

import { FOREVER } from '@kios/netlink';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { type Address6, type Change6, planLease6 } from '../../../src/core/v6/kernel/plan.ts';
import type { Lease6 } from '../../../src/core/v6/lease/lease.ts';

const OURS = 16;
/** Few, so that those of leases and of others meet. */
const HOSTS = ['2001:db8::5', '2001:db8::6', 'fd00::5'] as const;

const until = fc.constantFrom(100, 1500, 3_600_000, Infinity);
const lease: fc.Arbitrary<Lease6> = fc
  .uniqueArray(
    fc.record({ address: fc.constantFrom(...HOSTS), preferredUntil: until, validUntil: until }),
    { selector: ({ address }) => address, maxLength: 3 },
  )
  .map((addresses) => ({
    server: '0003',
    addresses,
    t1At: Infinity,
    t2At: Infinity,
    config: { dns: [], search: [], ntp: [] },
  }));

const lifetime = fc.constantFrom(0, 1, 3600, FOREVER);
const present = fc.uniqueArray(
  fc.record({
    ifindex: fc.constantFrom(2, 3),
    address: fc.constantFrom(...HOSTS),
    prefix: fc.constantFrom(64, 128),
    protocol: fc.constantFrom(0, 2, OURS, 107),
    noPrefixRoute: fc.boolean(),
    preferredSeconds: lifetime,
    validSeconds: lifetime,
  }),
  { selector: ({ ifindex, address }) => `${ifindex} ${address}` },
);

/** The kernel has an address of a link once, and keeps its prefix length whatever is set later. */
function apply(there: readonly Address6[], { tag, address }: Change6): readonly Address6[] {
  const isIt = (each: Address6): boolean =>
    each.ifindex === address.ifindex && each.address === address.address;
  const others = there.filter((each) => !isIt(each));
  if (tag === 'delete-address') return others;
  const { prefix = address.prefix } = there.find(isIt) ?? {};
  return [...others, { ...address, prefix }];
}

it('for any lease and any addresses a plan that was carried out is followed by an empty one', () => {
  fc.assert(
    fc.property(fc.option(lease, { nil: undefined }), present, (held, before) => {
      const after = planLease6(held, 2, before, 500).reduce(apply, before);
      expect(planLease6(held, 2, after, 500)).toEqual([]);
      const elsewhere = before.filter(({ ifindex }) => ifindex !== 2);
      expect(after.filter(({ ifindex }) => ifindex !== 2)).toEqual(elsewhere);
    }),
    { numRuns: 1000 },
  );
});

import { FOREVER, type Address } from '@kios/netlink';
import { describe, expect, it } from 'vitest';

import { linkLocalAddress, planLinkLocal } from '../../src/core/kernel/link-local.ts';
import { OURS, type PlanPolicy, type Present } from '../../src/core/kernel/present.ts';
import { ADDRESS, LINK, MAC, POLICY } from '../support/fixtures.ts';

const ON: PlanPolicy = { ...POLICY, metric: 110, ipv4llMetadata: true };
const OFF: PlanPolicy = { ...ON, ipv4llMetadata: false };

const LOCAL: Address = {
  ifindex: 2,
  address: linkLocalAddress(MAC),
  prefix: 16,
  scope: 253,
  protocol: OURS,
  metric: 110,
  validSeconds: FOREVER,
  preferredSeconds: FOREVER,
};
const LEASED: Address = { ...LOCAL, address: ADDRESS, prefix: 24, scope: 0 };

const withAddresses = (...addresses: Address[]): Present => ({
  link: LINK,
  ipv6: true,
  addresses,
  routes: [],
});

const deletion = { tag: 'delete-address', address: LOCAL };

describe('an address for metadata', () => {
  it.each([
    [
      'is set on a link without a lease',
      withAddresses(),
      ON,
      [{ tag: 'set-address', address: LOCAL }],
    ],
    ['is not set twice', withAddresses(LOCAL), ON, []],
    ['is not set beside a lease', withAddresses(LEASED), ON, []],
    ['goes with a lease', withAddresses(LEASED, LOCAL), ON, [deletion]],
    ['goes when it is wanted no more', withAddresses(LOCAL), OFF, [deletion]],
    ['of somebody else stays', withAddresses({ ...LOCAL, protocol: 0 }), OFF, []],
    ['of another link stays', withAddresses({ ...LOCAL, ifindex: 3 }), OFF, []],
  ])('%s', (_name, present, policy, expected) => {
    expect(planLinkLocal(present, policy)).toEqual(expected);
  });

  it('is in the link-local range, outside the network of cloud services', () => {
    const macs = Array.from(
      { length: 5000 },
      (_, index) =>
        `02:00:00:00:${(index >> 8).toString(16).padStart(2, '0')}:${(index & 255).toString(16).padStart(2, '0')}`,
    );
    const networks = macs.map((mac) => Number(linkLocalAddress(mac).split('.')[2]));
    expect([Math.min(...networks), Math.max(...networks)]).toEqual([1, 254]);
    expect(networks).not.toContain(169);
    expect(new Set(networks).size).toBe(253);
  });
});

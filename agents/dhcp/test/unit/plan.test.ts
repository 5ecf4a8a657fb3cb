import { type Address, FOREVER, type Route } from '@kios/netlink';
import { Lease as LeaseRecord } from '@kios/node-state';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { type BoundLease, expiryOf, UNKNOWN_NETWORK } from '../../src/core/client/model.ts';
import { fromRecord, StoredLease, toRecord } from '../../src/core/client/record.ts';
import { missingCapabilities } from '../../src/core/kernel/capabilities.ts';
import {
  foreignAddresses,
  isCandidate,
  isKernelConfigured,
  isOthers,
} from '../../src/core/kernel/links.ts';
import { isInUse, planLease, planRemoval } from '../../src/core/kernel/plan.ts';
import { type Change, OURS, type Present } from '../../src/core/kernel/present.ts';
import { type Lease, readLease } from '../../src/core/lease/lease.ts';
import { entry, OPTIONS, TYPE } from '../../src/core/wire/options.ts';
import { ADDRESS, GRANT, LINK, message, POLICY, SERVER } from '../support/fixtures.ts';

const BARE: Present = { link: LINK, ipv6: true, addresses: [], routes: [] };

/** Times begin with the lease. */
const NOW = 0;
const heldOf = (lease: Lease): BoundLease => ({ lease, since: NOW, degradeLevel: 0 });

function lease(...options: (typeof GRANT)[number][]): Lease {
  const result = readLease(message(TYPE.ack, [...GRANT, ...options]), SERVER, 60);
  if ('refused' in result) throw new Error(result.refused);
  return result.lease;
}

const address = (fields: Partial<Address> = {}): Address => ({
  ifindex: 2,
  address: ADDRESS,
  prefix: 24,
  broadcast: '10.0.0.255',
  scope: 0,
  protocol: OURS,
  metric: 100,
  validSeconds: FOREVER,
  preferredSeconds: FOREVER,
  ...fields,
});

const route = (fields: Partial<Route> = {}): Route => ({
  dst: '0.0.0.0/0',
  via: SERVER,
  ifindex: 2,
  prefsrc: ADDRESS,
  metric: 100,
  protocol: OURS,
  scope: 0,
  mtu: undefined,
  ...fields,
});

/** A short text per change, to compare their order. */
function outline(changes: readonly Change[]): string[] {
  return changes.map((change) => {
    switch (change.tag) {
      case 'change-link':
        return `${change.tag} ${Object.keys(change.change).join('+')}`;
      case 'set-address':
      case 'delete-address':
        return `${change.tag} ${change.address.address}`;
      case 'set-route':
      case 'delete-route':
      case 'skip-route':
        return `${change.tag} ${change.route.dst} ${change.route.via ?? 'on-link'}`;
    }
  });
}

describe('the plan for a lease', () => {
  it('on a bare link sets the address, then the default route', () => {
    const changes = planLease(heldOf(lease()), BARE, POLICY, NOW);
    expect(outline(changes)).toEqual([
      'change-link promoteSecondaries',
      `set-address ${ADDRESS}`,
      `set-route 0.0.0.0/0 ${SERVER}`,
    ]);
    expect(changes).toContainEqual({ tag: 'set-address', address: address() });
    expect(changes).toContainEqual({ tag: 'set-route', route: route() });
  });

  it('has a default route by the second router, which any first one comes before', () => {
    const held = heldOf({ ...lease(), fallbackRouter: '10.0.0.2' });
    const changes = planLease(held, BARE, POLICY, NOW);
    const fallback = route({ via: '10.0.0.2', metric: 10_100 });
    expect(outline(changes)).toEqual([
      'change-link promoteSecondaries',
      `set-address ${ADDRESS}`,
      `set-route 0.0.0.0/0 ${SERVER}`,
      'set-route 0.0.0.0/0 10.0.0.2',
    ]);
    expect(changes).toContainEqual({ tag: 'set-route', route: fallback });
    const after = { ...BARE, addresses: [address()], routes: [route(), fallback] };
    expect(planLease(held, after, POLICY, NOW)).toEqual([]);
    expect(outline(planLease(heldOf(lease()), after, POLICY, NOW))).toEqual([
      'delete-route 0.0.0.0/0 10.0.0.2',
    ]);
  });

  it('is empty when the kernel agrees with the lease', () => {
    const present = { ...BARE, addresses: [address()], routes: [route()] };
    expect(planLease(heldOf(lease()), present, POLICY, NOW)).toEqual([]);
  });

  it('only renews lifetimes under the policy drop', () => {
    const old = address({ validSeconds: 1000, preferredSeconds: 1000 });
    const present = { ...BARE, addresses: [old], routes: [route()] };
    const changes = planLease(heldOf(lease()), present, { ...POLICY, onExpire: 'drop' }, NOW);
    expect(changes).toMatchObject([{ tag: 'set-address', address: { validSeconds: 3600 } }]);
  });

  it('sets the new address before it deletes the old one', () => {
    const old = address({ address: '10.0.0.99' });
    const present = { ...BARE, addresses: [old], routes: [route({ prefsrc: '10.0.0.99' })] };
    expect(outline(planLease(heldOf(lease()), present, POLICY, NOW))).toEqual([
      `set-address ${ADDRESS}`,
      `set-route 0.0.0.0/0 ${SERVER}`,
      'delete-address 10.0.0.99',
    ]);
  });

  it('counts lifetimes from the request, and ignores differences of a tick', () => {
    const policy = { ...POLICY, onExpire: 'drop' } as const;
    const there = address({ validSeconds: 3000, preferredSeconds: 3000 });
    const present = { ...BARE, addresses: [there], routes: [route()] };
    expect(planLease(heldOf(lease()), present, policy, 600_000)).toEqual([]);
    expect(planLease(heldOf(lease()), BARE, policy, 600_000)).toContainEqual({
      tag: 'set-address',
      address: there,
    });
  });

  it('puts the MTU on its routes when the link resets for it', () => {
    const changes = planLease(
      heldOf(lease(entry(OPTIONS.mtu, 1400))),
      BARE,
      { ...POLICY, mtuOnRoutes: true },
      NOW,
    );
    expect(changes).toContainEqual({ tag: 'set-route', route: route({ mtu: 1400 }) });
    expect(JSON.stringify(changes[0])).not.toContain('mtu');
  });

  it('takes over the address that the kernel got itself, and deletes it for another', () => {
    const policy = { ...POLICY, takenOver: ADDRESS };
    const present = { ...BARE, addresses: [address({ protocol: 0 })], routes: [] };
    expect(outline(planLease(heldOf(lease()), present, policy, NOW))).toContain(
      `set-address ${ADDRESS}`,
    );
    const old = { ...present, addresses: [address({ protocol: 0, address: '10.0.0.8' })] };
    const other = { ...POLICY, takenOver: '10.0.0.8' };
    expect(outline(planLease(heldOf(lease()), old, other, NOW))).toContain(
      'delete-address 10.0.0.8',
    );
  });

  it.each([
    ['below 1280 goes to the routes while IPv6 is on', 1279, true, undefined, 1279],
    ['of 1280 goes to the link', 1280, true, 1280, undefined],
    ['below 1280 goes to the link while IPv6 is off', 1279, false, 1279, undefined],
  ])('an MTU %s', (_name, mtu, ipv6, ofLink, ofRoutes) => {
    const held = heldOf(lease(entry(OPTIONS.mtu, mtu)));
    const changes = planLease(held, { ...BARE, ipv6 }, POLICY, NOW);
    const [first] = changes;
    expect(first).toEqual({
      tag: 'change-link',
      index: LINK.index,
      change: { ...(ofLink === undefined ? {} : { mtu: ofLink }), promoteSecondaries: true },
    });
    expect(changes).toContainEqual({ tag: 'set-route', route: route({ mtu: ofRoutes }) });
  });

  it('sets an MTU within the limit of the link before the address', () => {
    const [first] = planLease(heldOf(lease(entry(OPTIONS.mtu, 9000))), BARE, POLICY, NOW);
    expect(first).toMatchObject({ change: { mtu: 9000 } });
    const [other] = planLease(heldOf(lease(entry(OPTIONS.mtu, 9001))), BARE, POLICY, NOW);
    expect(other).toMatchObject({ change: { promoteSecondaries: true } });
    expect(JSON.stringify(other)).not.toContain('mtu');
  });

  it('sets a route to a gateway outside the subnet first, as clouds with a /32 need', () => {
    const cloud = [
      entry(OPTIONS.subnetMask, '255.255.255.255'),
      entry(OPTIONS.routers, ['172.31.1.1']),
    ];
    expect(outline(planLease(heldOf(lease(...cloud)), BARE, POLICY, NOW)).slice(2)).toEqual([
      'set-route 172.31.1.1/32 on-link',
      'set-route 0.0.0.0/0 172.31.1.1',
    ]);
  });

  it('reaches a gateway through an on-link route of the server', () => {
    const routes = [
      { dst: '0.0.0.0/0', via: '169.254.0.1' },
      { dst: '169.254.0.0/24', via: null },
    ];
    const changes = planLease(
      heldOf(lease(entry(OPTIONS.classlessRoutes, routes))),
      BARE,
      POLICY,
      NOW,
    );
    expect(outline(changes).slice(2)).toEqual([
      'set-route 169.254.0.0/24 on-link',
      'set-route 0.0.0.0/0 169.254.0.1',
    ]);
  });

  it('leaves routes of others alone, and deletes stale ones of its own', () => {
    const foreign = route({ protocol: 4, via: '10.0.0.254' });
    const stale = route({ dst: '10.9.0.0/16' });
    const elsewhere = route({ dst: '10.8.0.0/16', ifindex: 3 });
    const present = { ...BARE, addresses: [address()], routes: [foreign, stale, elsewhere] };
    expect(outline(planLease(heldOf(lease()), present, POLICY, NOW))).toEqual([
      `skip-route 0.0.0.0/0 ${SERVER}`,
      `delete-route 10.9.0.0/16 ${SERVER}`,
    ]);
  });

  it('has no routes when they are off', () => {
    const changes = planLease(heldOf(lease()), BARE, { ...POLICY, routes: false }, NOW);
    expect(outline(changes).some((line) => line.includes('route'))).toBe(false);
  });
});

describe('the plan for removal', () => {
  it('deletes only what has our mark', () => {
    const present = {
      ...BARE,
      addresses: [address(), address({ address: '10.0.0.6', protocol: 0 })],
      routes: [route(), route({ dst: '10.7.0.0/16', protocol: 4 })],
    };
    expect(outline(planRemoval(present))).toEqual([
      `delete-route 0.0.0.0/0 ${SERVER}`,
      `delete-address ${ADDRESS}`,
    ]);
  });
});

describe('a lease found at start', () => {
  const held: BoundLease = { lease: lease(), since: 10_000, degradeLevel: 0 };
  const present = { ...BARE, addresses: [address()] };

  it.each([
    ['it runs and its address is there', present, 20_000, true],
    ['it has expired', present, 10_000 + 3_600_000, false],
    ['its address is gone', BARE, 20_000, false],
    ['its address is not ours', { ...BARE, addresses: [address({ protocol: 0 })] }, 20_000, false],
  ])('is in use if %s', (_name, kernel, now, expected) => {
    expect(isInUse(held, kernel, now)).toBe(expected);
  });

  it('is read back as it was written', () => {
    const full = lease(
      entry(OPTIONS.mtu, 1400),
      entry(OPTIONS.broadcast, '10.0.0.127'),
      entry(OPTIONS.nameServers, [SERVER]),
      entry(OPTIONS.hostName, 'node-1'),
    );
    const held: BoundLease = { lease: full, since: 12_340, degradeLevel: 1 };
    const network = {
      ...UNKNOWN_NETWORK,
      server: SERVER,
      degradeLevel: 1 as const,
      rapidOffUntil: 50_000,
      declined: [{ address: '10.0.0.9', until: 60_000 }],
      gatewayMac: '02:00:00:00:00:fe',
      serverMac: '02:00:00:00:00:53',
    };
    const clocks = { now: 20_000, wall: Date.parse('2026-01-01T00:00:00Z') };
    const where = { link: 'eth0', mac: LINK.mac, bootId: 'b', checked: false, mtuOnRoutes: true };
    const record = toRecord(held, network, { ...where, clocks });
    expect(record.acquired).toEqual({ boot: 12.34, wall: '2025-12-31T23:59:52.340Z' });
    expect(v.is(LeaseRecord, record)).toBe(true);
    // Files of earlier versions have the degrade level under this name.
    expect(record).toMatchObject({ ladder: 1 });
    const read = v.parse(StoredLease, JSON.parse(JSON.stringify(record)));
    const { search, ntp } = held.lease;
    const told = { search, ntp };
    const remembered = { held, network, checked: false, mtuOnRoutes: true, told };
    expect(fromRecord(read, clocks)).toEqual(remembered);
    // Another boot, five seconds later.
    const later = fromRecord(read, { now: 1000, wall: clocks.wall + 5000 });
    expect(later.network.rapidOffUntil).toBe(26_000);
  });

  it.each([-1, 1])('has the times of the boot, whatever way the clock was set: %d', (way) => {
    const where = { link: 'eth0', mac: LINK.mac, bootId: 'b', checked: true, mtuOnRoutes: false };
    const clocks = { now: 20_000, wall: Date.parse('2026-01-01T00:00:00Z') };
    const held = heldOf(lease());
    const record = v.parse(StoredLease, toRecord(held, UNKNOWN_NETWORK, { ...where, clocks }));
    const years = way * 30 * 365 * 24 * 3600 * 1000;
    const back = fromRecord(record, { now: 21_000, wall: clocks.wall + years });
    expect(expiryOf(back.held)).toBe(expiryOf(held));
  });

  it('forgets failures after a day, whatever the clock says', () => {
    const network = { ...UNKNOWN_NETWORK, rapidOffUntil: 50_000 };
    const where = { link: 'eth0', mac: LINK.mac, bootId: 'b', checked: true, mtuOnRoutes: false };
    const clocks = { now: 20_000, wall: Date.parse('2026-01-01T00:00:00Z') };
    const record = v.parse(StoredLease, toRecord(heldOf(lease()), network, { ...where, clocks }));
    const back = fromRecord(record, { now: 0, wall: 0 });
    expect(back.network.rapidOffUntil).toBe(24 * 3600 * 1000);
  });
});

const hardware = (name: string): boolean => name.startsWith('eth');

describe('the choice of links', () => {
  const auto = { tag: 'auto', except: [] } as const;

  it.each([
    ['a network card', LINK, true],
    ["a pod's veth end", { ...LINK, name: 'veth1' }, false],
    ['a card in a bond', { ...LINK, master: 9 }, false],
    ['a card that is not Ethernet', { ...LINK, type: 32 }, false],
  ])('auto judges %s', (_name, link, expected) => {
    expect(isCandidate(link, auto, hardware)).toBe(expected);
  });

  it('by name does not look at the kind of link', () => {
    const named = { tag: 'named', names: ['veth1'] } as const;
    expect(isCandidate({ ...LINK, name: 'veth1' }, named, hardware)).toBe(true);
    expect(isCandidate(LINK, named, hardware)).toBe(false);
  });

  it('auto leaves out links that the configuration turns off', () => {
    expect(isCandidate(LINK, { tag: 'auto', except: ['eth0'] }, hardware)).toBe(false);
  });

  it('finds addresses on a link that are not ours', () => {
    expect(foreignAddresses(LINK, [address({ protocol: 0 })])).toHaveLength(1);
    expect(foreignAddresses(LINK, [address()])).toEqual([]);
    expect(foreignAddresses(LINK, [address({ protocol: 0, scope: 253 })])).toEqual([]);
  });

  it.each([
    ['without an address', [], false, false],
    ["with a person's address", [address({ protocol: 0 })], false, true],
    ['with ours and a virtual one', [address(), address({ protocol: 0 })], false, false],
    ['with a virtual one, and a lease of this boot', [address({ protocol: 0 })], true, false],
    [
      "with a person's address, and ours on another link",
      [address({ protocol: 0 }), address({ ifindex: 3 })],
      false,
      true,
    ],
  ] as const)("a link %s is others': %s, %s, %s", (_name, addresses, isKnown, expected) => {
    expect(isOthers(LINK, addresses, isKnown)).toBe(expected);
  });

  it.each([
    ['quiet ip=dhcp', true],
    ['ip=:::::eth0:dhcp', true],
    ['ip=10.0.0.5::10.0.0.1:255.255.255.0::eth0:off', false],
    ['ip=:::::eth1:dhcp', false],
    ['ip=10.0.0.5', false],
    ['quiet', false],
  ])('reads %s as %s', (commandLine, expected) => {
    expect(isKernelConfigured(commandLine, 'eth0')).toBe(expected);
  });
});

describe('capabilities', () => {
  it('are read from the effective set', () => {
    const status = 'Name:\tdhcp\nCapPrm:\tffffffffffffffff\nCapEff:\t0000000000002000\n';
    expect(missingCapabilities(status, ['NET_RAW', 'NET_ADMIN'])).toEqual(['NET_ADMIN']);
  });
});

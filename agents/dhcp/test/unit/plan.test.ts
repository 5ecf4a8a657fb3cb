import { type Address, FOREVER, type Link, type Route } from '@kios/netlink';
import { Lease as LeaseRecord } from '@kios/node-state';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { missingCapabilities } from '../../src/core/capabilities.ts';
import { type Lease, readLease } from '../../src/core/lease.ts';
import { isCandidate, isForeign } from '../../src/core/links.ts';
import { entry, OPTIONS, TYPE } from '../../src/core/options.ts';
import {
  type Change,
  isInUse,
  OURS,
  planLease,
  type PlanPolicy,
  planRemoval,
  type Present,
} from '../../src/core/plan.ts';
import { fromRecord, toRecord } from '../../src/core/record.ts';
import { ADDRESS, GRANT, message, SERVER } from './fixtures.ts';

const LINK: Link = {
  index: 2,
  name: 'eth0',
  type: 1,
  mac: '02:00:00:00:00:01',
  up: true,
  carrier: true,
  mtu: 1500,
  maxMtu: 9000,
  master: undefined,
  kind: undefined,
};
const POLICY: PlanPolicy = { metric: 100, onExpire: 'keep', routes: true, mtu: true };
const BARE: Present = { link: LINK, addresses: [], routes: [] };

function lease(...options: (typeof GRANT)[number][]): Lease {
  const result = readLease(message(TYPE.ack, [...GRANT, ...options]), SERVER);
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

/** One word a change, to read an order at a glance. */
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
  it('on a bare link: address, then default route', () => {
    const changes = planLease(lease(), BARE, POLICY);
    expect(outline(changes)).toEqual([
      'change-link promoteSecondaries',
      `set-address ${ADDRESS}`,
      `set-route 0.0.0.0/0 ${SERVER}`,
    ]);
    expect(changes).toContainEqual({ tag: 'set-address', address: address() });
    expect(changes).toContainEqual({ tag: 'set-route', route: route() });
  });

  it('is empty when the kernel has it all', () => {
    const present = { link: LINK, addresses: [address()], routes: [route()] };
    expect(planLease(lease(), present, POLICY)).toEqual([]);
  });

  it('renews lifetimes, and nothing else, under the policy to drop', () => {
    const old = address({ validSeconds: 1000, preferredSeconds: 1000 });
    const present = { link: LINK, addresses: [old], routes: [route()] };
    const changes = planLease(lease(), present, { ...POLICY, onExpire: 'drop' });
    expect(changes).toMatchObject([{ tag: 'set-address', address: { validSeconds: 3600 } }]);
  });

  it('brings the new address before the old one goes', () => {
    const old = address({ address: '10.0.0.99' });
    const present = { link: LINK, addresses: [old], routes: [route({ prefsrc: '10.0.0.99' })] };
    expect(outline(planLease(lease(), present, POLICY))).toEqual([
      `set-address ${ADDRESS}`,
      `set-route 0.0.0.0/0 ${SERVER}`,
      'delete-address 10.0.0.99',
    ]);
  });

  it('sets an MTU that the link can have, before the address', () => {
    const [first] = planLease(lease(entry(OPTIONS.mtu, 9000)), BARE, POLICY);
    expect(first).toMatchObject({ change: { mtu: 9000 } });
    const [other] = planLease(lease(entry(OPTIONS.mtu, 9001)), BARE, POLICY);
    expect(other).toMatchObject({ change: { promoteSecondaries: true } });
    expect(JSON.stringify(other)).not.toContain('mtu');
  });

  it('makes a way to a gateway outside the subnet first, as clouds with /32 need', () => {
    const cloud = [
      entry(OPTIONS.subnetMask, '255.255.255.255'),
      entry(OPTIONS.routers, ['172.31.1.1']),
    ];
    expect(outline(planLease(lease(...cloud), BARE, POLICY)).slice(2)).toEqual([
      'set-route 172.31.1.1/32 on-link',
      'set-route 0.0.0.0/0 172.31.1.1',
    ]);
  });

  it('trusts an on-link route of the server to reach a gateway', () => {
    const routes = [
      { dst: '0.0.0.0/0', via: '169.254.0.1' },
      { dst: '169.254.0.0/24', via: null },
    ];
    const changes = planLease(lease(entry(OPTIONS.classlessRoutes, routes)), BARE, POLICY);
    expect(outline(changes).slice(2)).toEqual([
      'set-route 169.254.0.0/24 on-link',
      'set-route 0.0.0.0/0 169.254.0.1',
    ]);
  });

  it('leaves what others own alone, and takes stale routes of its own away', () => {
    const foreign = route({ protocol: 4, via: '10.0.0.254' });
    const stale = route({ dst: '10.9.0.0/16' });
    const elsewhere = route({ dst: '10.8.0.0/16', ifindex: 3 });
    const present = { link: LINK, addresses: [address()], routes: [foreign, stale, elsewhere] };
    expect(outline(planLease(lease(), present, POLICY))).toEqual([
      `skip-route 0.0.0.0/0 ${SERVER}`,
      `delete-route 10.9.0.0/16 ${SERVER}`,
    ]);
  });

  it('has no routes when they are not wanted', () => {
    const changes = planLease(lease(), BARE, { ...POLICY, routes: false });
    expect(outline(changes).some((line) => line.includes('route'))).toBe(false);
  });
});

describe('the plan for removal', () => {
  it('takes away what is marked as ours, and nothing else', () => {
    const present = {
      link: LINK,
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
  const held = { lease: lease(), since: 10_000 };
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
    const where = { link: 'eth0', mac: LINK.mac, bootId: 'b', wall: '2026-01-01T00:00:00.000Z' };
    const record = toRecord({ lease: full, since: 12_340 }, where);
    expect(record.acquired.boot).toBe(12.34);
    const read = v.parse(LeaseRecord, JSON.parse(JSON.stringify(record)));
    expect(fromRecord(read)).toEqual({ lease: full, since: 12_340 });
  });
});

const hardware = (name: string): boolean => name.startsWith('eth');

describe('the choice of links', () => {
  const auto = { tag: 'auto' } as const;

  it.each([
    ['a card', LINK, true],
    ['the end of a cable to a pod', { ...LINK, name: 'veth1' }, false],
    ['a card in a bond', { ...LINK, master: 9 }, false],
    ['a card that is not Ethernet', { ...LINK, type: 32 }, false],
  ])('auto judges %s', (_name, link, expected) => {
    expect(isCandidate(link, auto, hardware)).toBe(expected);
  });

  it('by name asks for nothing else', () => {
    const named = { tag: 'named', names: ['veth1'] } as const;
    expect(isCandidate({ ...LINK, name: 'veth1' }, named, hardware)).toBe(true);
    expect(isCandidate(LINK, named, hardware)).toBe(false);
  });

  it('keeps away from a link that somebody else gave an address', () => {
    expect(isForeign(LINK, [address({ protocol: 0 })])).toBe(true);
    expect(isForeign(LINK, [address()])).toBe(false);
    expect(isForeign(LINK, [address({ protocol: 0, scope: 253 })])).toBe(false);
  });
});

describe('capabilities', () => {
  it('are read from the effective set', () => {
    const status = 'Name:\tdhcp\nCapPrm:\tffffffffffffffff\nCapEff:\t0000000000002000\n';
    expect(missingCapabilities(status, ['NET_RAW', 'NET_ADMIN'])).toEqual(['NET_ADMIN']);
  });
});

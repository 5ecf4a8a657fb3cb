import { readFile } from 'node:fs/promises';

import { addressToHex, type Feature, optionOf } from '@kios/testkit/dhcp';
import { expect } from 'vitest';

import { addressesOf, eventually, monitor, routesOf } from './agent.ts';
import { ADDRESS, type Scene, SECOND_ADDRESS } from './scene.ts';

/** A behaviour of the agent with every server that supports the feature. */
export interface Claim {
  readonly feature: Feature;
  readonly title: string;
  readonly check: (scene: Scene) => Promise<void>;
}

const BROADCAST = '255.255.255.255';
const PROMPT = 30_000;
/** A client without a reply asks again after 64 seconds at the latest. */
const SLOW = 90_000;

/** Names without a common ending, which compression would shorten. */
const longNames = (count: number): string[] =>
  Array.from(
    { length: count },
    (_, index) => `domain-name-of-some-length-${index}.example${index}`,
  );

const bare = (address: string | undefined): string => (address ?? '').split('/')[0] ?? '';

async function checkInit(scene: Scene): Promise<void> {
  await scene.serve();
  expect(await scene.machine.acquire().exited).toBe(0);
  const kinds = ['discover', 'offer', 'request', 'ack'] as const;
  await eventually(() => {
    expect(kinds.map((kind) => scene.count(kind))).toEqual([1, 1, 1, 1]);
  });
  const [address] = await addressesOf(scene.client);
  expect(address).toMatch(/^10\.77\.0\.(1\d|20)\/24$/);
  expect((await scene.machine.lease()).address).toBe(address);
  expect(await routesOf(scene.client)).toEqual([`default via ${ADDRESS}`]);
  const resolver = await readFile(scene.machine.runFile('resolv.conf'), 'utf8');
  expect(resolver).toContain(`nameserver ${ADDRESS}\n`);
  // RFC 2131 table 5, SELECTING.
  const request = await scene.tap.expect('request');
  expect(request).toMatchObject({ src: '0.0.0.0', dst: BROADCAST, ciaddr: '0.0.0.0' });
  expect(optionOf(request, 50)).toBe(addressToHex(bare(address)));
  expect(optionOf(request, 54)).toBe(addressToHex(ADDRESS));
  const discover = await scene.tap.expect('discover');
  expect([request.xid, request.secs]).toEqual([discover.xid, discover.secs]);
}

async function checkReboot(scene: Scene): Promise<void> {
  await scene.serve();
  expect(await scene.machine.acquire().exited).toBe(0);
  const before = await addressesOf(scene.client);
  await scene.reboot();
  expect(await scene.machine.acquire().exited).toBe(0);
  expect(await addressesOf(scene.client)).toEqual(before);
  await eventually(() => {
    expect([scene.count('discover'), scene.count('ack')]).toEqual([1, 2]);
  });
  // RFC 2131 table 5, INIT-REBOOT.
  const [, request] = await scene.tap.until('request', 2);
  expect(request).toMatchObject({ dst: BROADCAST, ciaddr: '0.0.0.0' });
  expect(optionOf(request!, 50)).toBe(addressToHex(bare(before[0])));
  expect(optionOf(request!, 54)).toBeUndefined();
}

async function checkNak(scene: Scene): Promise<void> {
  await scene.serve();
  expect(await scene.machine.acquire().exited).toBe(0);
  await scene.stopServing();
  scene.forgetLeases();
  // Another network: ISC dhcpd ignores addresses of its own network that are in none of its pools.
  await scene.moveServer('10.78.0.1');
  const pool = ['10.78.0.100', '10.78.0.120'] as const;
  await scene.serve({ address: '10.78.0.1', router: '10.78.0.1', pool });
  await scene.reboot();
  const second = scene.machine.acquire();
  expect(await second.exited).toBe(0);
  await eventually(() => {
    expect(scene.count('nak')).toBeGreaterThan(0);
  });
  await second.expect('"ev":"nak"');
  const [address, ...others] = await addressesOf(scene.client);
  expect(address).toMatch(/^10\.78\.0\.1[012]\d\/24$/);
  expect(others).toEqual([]);
}

async function checkRenew(scene: Scene): Promise<void> {
  await scene.serve({ leaseSeconds: 60, t1Seconds: 4, t2Seconds: 40 });
  const daemon = scene.machine.run();
  await daemon.expect('lease.bound', PROMPT);
  const before = await addressesOf(scene.client);
  const changes = await monitor(scene.client);
  await daemon.expect('lease.renewed', PROMPT);
  expect(await addressesOf(scene.client)).toEqual(before);
  expect(changes.lines.filter((line) => /Deleted.*eth0/.test(line))).toEqual([]);
  await eventually(() => {
    expect(scene.count('ack')).toBeGreaterThan(1);
  });
  // RFC 2131 table 5, RENEWING.
  await scene.tap.until('ack', 2);
  const request = scene.tap.seen('request').at(-1);
  const address = bare(before[0]);
  expect(request).toMatchObject({ src: address, dst: ADDRESS, ciaddr: address });
  expect([optionOf(request!, 50), optionOf(request!, 54)]).toEqual([undefined, undefined]);
}

async function checkRebind(scene: Scene): Promise<void> {
  await scene.serve({ leaseSeconds: 60, t1Seconds: 4, t2Seconds: 8 });
  const daemon = scene.machine.run();
  await daemon.expect('lease.bound', PROMPT);
  const before = await addressesOf(scene.client);
  await scene.stopServing();
  await scene.moveServer(SECOND_ADDRESS);
  const late = { leaseSeconds: 60, t1Seconds: 30, t2Seconds: 40 };
  await scene.serve({ address: SECOND_ADDRESS, ...late });
  await daemon.expect('lease.renewed', PROMPT);
  expect(await addressesOf(scene.client)).toEqual(before);
  await eventually(() => {
    expect(scene.count('ack')).toBeGreaterThan(0);
  });
  await eventually(async () => {
    expect((await scene.machine.lease()).server).toBe(SECOND_ADDRESS);
  });
  // RFC 2131 table 5, REBINDING.
  await scene.tap.until('ack', 2);
  const request = scene.tap.seen('request').at(-1);
  expect(request).toMatchObject({ dst: BROADCAST, ciaddr: bare(before[0]) });
  expect([optionOf(request!, 50), optionOf(request!, 54)]).toEqual([undefined, undefined]);
}

async function checkExpiryKept(scene: Scene): Promise<void> {
  await scene.serve({ leaseSeconds: scene.shortLease, t1Seconds: 2, t2Seconds: 4 });
  const daemon = scene.machine.run();
  await daemon.expect('lease.bound', PROMPT);
  const before = await addressesOf(scene.client);
  await scene.stopServing();
  await daemon.expect('lease.expired', scene.shortLease * 1000 + PROMPT);
  await daemon.expect('lease.kept', PROMPT);
  expect(await addressesOf(scene.client)).toEqual(before);
  expect(await routesOf(scene.client)).toEqual([`default via ${ADDRESS}`]);
  const again = daemon.expectNext(/lease\.(renewed|bound)/, SLOW);
  await scene.serve();
  await again;
  expect(await addressesOf(scene.client)).toEqual(before);
}

async function checkExpiryDropped(scene: Scene): Promise<void> {
  await scene.serve({ leaseSeconds: scene.shortLease, t1Seconds: 2, t2Seconds: 4 });
  const daemon = scene.machine.run('--on-expire=drop');
  await daemon.expect('lease.bound', PROMPT);
  await scene.stopServing();
  await daemon.expect('lease.expired', scene.shortLease * 1000 + PROMPT);
  await eventually(async () => {
    expect(await addressesOf(scene.client)).toEqual([]);
  });
  expect(await routesOf(scene.client)).toEqual([]);
  await eventually(async () => {
    await expect(scene.machine.lease()).rejects.toThrow('ENOENT');
  });
  const again = daemon.expectNext('lease.bound', SLOW);
  await scene.serve();
  await again;
  expect(await addressesOf(scene.client)).toHaveLength(1);
}

async function checkDecline(scene: Scene): Promise<void> {
  await scene.serve();
  expect(await scene.machine.acquire().exited).toBe(0);
  const [taken = ''] = await addressesOf(scene.client);
  await scene.forgetMachine();
  // A server gives a client that it knows the same address again.
  await scene.neighbour.exec('ip', 'address', 'add', taken, 'dev', 'eth0');
  const daemon = scene.machine.run();
  await daemon.expect('"ev":"conflict"', PROMPT);
  await eventually(() => {
    expect(scene.count('decline')).toBe(1);
  }, PROMPT);
  const decline = await scene.tap.expect('decline');
  expect(optionOf(decline, 50)).toBe(addressToHex(bare(taken)));
  expect(optionOf(decline, 54)).toBe(addressToHex(ADDRESS));
  await eventually(async () => {
    const [address, ...others] = await addressesOf(scene.client);
    expect(address).toMatch(/^10\.77\.0\.(1\d|20)\/24$/);
    expect(address).not.toBe(taken);
    expect(others).toEqual([]);
  }, PROMPT);
}

async function checkClasslessRoutes(scene: Scene): Promise<void> {
  const routes = [
    ['0.0.0.0/0', ADDRESS],
    ['10.1.0.0/16', SECOND_ADDRESS],
  ] as const;
  await scene.serve({ router: '10.77.0.3', routes });
  expect(await scene.machine.acquire().exited).toBe(0);
  const ack = await scene.tap.expect('ack');
  expect([optionOf(ack, 3), optionOf(ack, 121)]).not.toContain(undefined);
  const expected = [`10.1.0.0/16 via ${SECOND_ADDRESS}`, `default via ${ADDRESS}`];
  expect(await routesOf(scene.client)).toEqual(expected);
}

async function checkOverload(scene: Scene): Promise<void> {
  const networks = Array.from({ length: 24 }, (_, index) => `10.1.${index}.0/24`);
  const routes = networks.map((network) => [network, SECOND_ADDRESS] as const);
  const ntp = Array.from({ length: 8 }, (_, index) => `10.77.1.${index + 1}`);
  const search = longNames(3);
  // A message may be as long as the link's MTU: a small one leaves no room for all options.
  await scene.client.exec('ip', 'link', 'set', 'eth0', 'mtu', '576');
  await scene.serve({ routes: [['0.0.0.0/0', ADDRESS], ...routes], ntp, search });
  expect(await scene.machine.acquire().exited).toBe(0);
  const lease = await scene.machine.lease();
  expect(lease.raw['52']).toMatch(/^0[123]$/);
  expect(lease).toMatchObject({ ntp, search });
  expect(await routesOf(scene.client)).toHaveLength(routes.length + 1);
}

async function checkLongSearchList(scene: Scene): Promise<void> {
  const search = longNames(12);
  await scene.serve({ search });
  expect(await scene.machine.acquire().exited).toBe(0);
  expect((await scene.machine.lease()).search).toEqual(search);
  const ack = await scene.tap.expect('ack');
  expect(ack.options.filter(([code]) => code === 119).length).toBeGreaterThan(1);
}

export const CLAIMS: readonly Claim[] = [
  { feature: 'init', title: 'INIT: discover, offer, request, ack', check: checkInit },
  { feature: 'init-reboot', title: 'INIT-REBOOT: one request, no discover', check: checkReboot },
  { feature: 'nak', title: 'NAK after a pool change: another address', check: checkNak },
  { feature: 'renew', title: 'renew: by unicast, and nothing flaps', check: checkRenew },
  { feature: 'rebind', title: 'rebind: the server is gone, another replies', check: checkRebind },
  { feature: 'expiry', title: 'expiry, keep: the address stays', check: checkExpiryKept },
  { feature: 'expiry', title: 'expiry, drop: the address goes', check: checkExpiryDropped },
  { feature: 'decline', title: 'decline: a neighbour has the address', check: checkDecline },
  {
    feature: 'classless routes',
    title: 'options 121 and 3: 121 takes precedence',
    check: checkClasslessRoutes,
  },
  { feature: 'overload', title: 'overload: options in other fields', check: checkOverload },
  { feature: 'long search list', title: 'option 119 beyond 255 bytes', check: checkLongSearchList },
];

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import type { BoundLease } from '../../../src/core/client/model.ts';
import type { DhcpMessage } from '../../../src/core/wire/message.ts';
import { OPTIONS, TYPE } from '../../../src/core/wire/options.ts';
import { HOST_MAC, POD, POD_MAC, PodNode } from '../../support/pod-node.ts';

let folder = '';
let node: PodNode;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-pods-'));
  node = new PodNode(folder);
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

const typeOf = ({ message: { options } }: { message: DhcpMessage }): number | undefined =>
  options.get(OPTIONS.messageType);

it('a pod gets an address in its own name, once nobody else has it', async () => {
  const leases = await node.start();
  expect(await node.grant(leases, '10.0.0.5')).toBe('10.0.0.5');
  expect(node.sent.map(({ sourceMac, message: { chaddr } }) => [sourceMac, chaddr])).toEqual([
    [POD_MAC, POD_MAC],
    [POD_MAC, POD_MAC],
  ]);
  leases.check(POD);
  expect(() => leases.check({ ...POD, container: 'c2' })).toThrow('find pod of container c2');
});

it('a server that refuses the lease closes the port, and the same address opens it', async () => {
  const leases = await node.start();
  await node.grant(leases, '10.0.0.5');
  await node.pass(leases, 1_802_000);
  await node.reply(leases, 'nak', '0.0.0.0');
  expect(node.ports).toEqual(['veth1 closed']);
  expect(node.logged.join('')).toContain('KIOS_DHCP_POD_LOST');
  expect(() => leases.check(POD)).toThrow('its lease is over');
  await node.reply(leases, 'offer', '10.0.0.5');
  await node.reply(leases, 'ack', '10.0.0.5');
  expect(node.ports).toEqual(['veth1 closed', 'veth1 open']);
});

const requests = (): (readonly [type: number | undefined, address: string | undefined])[] =>
  node.sent.map((each) => [typeOf(each), each.message.options.get(OPTIONS.requestedAddress)]);

it.each(['EPERM', 'EACCES', 'EINVAL', 'EMSGSIZE', 'ENOBUFS'])(
  'the kernel refuses what is sent with %s: the lease is extended once it no longer does',
  async (errno) => {
    const leases = await node.start();
    await node.grant(leases, '10.0.0.5');
    node.sent.length = 0;
    node.refusal = errno;
    await node.pass(leases, 2_000_000);
    expect(requests()).toEqual([]);
    expect(node.logged.join('')).toContain('tx.fail');
    node.refusal = undefined;
    await node.pass(leases, 1_400_000);
    await node.reply(leases, 'ack', '10.0.0.5');
    leases.check(POD);
    expect(node.ports).not.toContain('veth1 closed');
  },
);

it('the cable is pulled and returns: the address is asked for again, and no port is closed', async () => {
  const leases = await node.start();
  await node.grant(leases, '10.0.0.5');
  node.sent.length = 0;
  await leases.carrier(false);
  await node.pass(leases, 60_000);
  expect(requests()).toEqual([]);
  leases.check(POD);
  await leases.carrier(true);
  await leases.carrier(true);
  expect(requests()).toEqual([[TYPE.request, '10.0.0.5']]);
  expect(node.sent[0]?.message.ciaddr).toBe('0.0.0.0');
  await node.reply(leases, 'ack', '10.0.0.5');
  leases.check(POD);
  expect(node.ports).not.toContain('veth1 closed');
  expect(node.logged.filter((line) => line.includes('KIOS_'))).toEqual([]);
  node.sent.length = 0;
  await node.pass(leases, 1_802_000);
  expect(node.sent[0]?.message.ciaddr).toBe('10.0.0.5');
});

it('the cable returns to another network, which refuses the address: the port is closed', async () => {
  const leases = await node.start();
  await node.grant(leases, '10.0.0.5');
  await leases.carrier(false);
  await leases.carrier(true);
  await node.reply(leases, 'nak', '0.0.0.0');
  expect(node.ports).toEqual(['veth1 closed']);
});

it('the cable returns to a network without a server: the lease goes on to its end', async () => {
  const leases = await node.start();
  await node.grant(leases, '10.0.0.5');
  await leases.carrier(false);
  await leases.carrier(true);
  await node.pass(leases, 3_000_000);
  leases.check(POD);
  await node.pass(leases, 700_000);
  expect(node.ports).toEqual(['veth1 closed']);
});

it('a pod that starts while the cable is pulled asks when it returns', async () => {
  const leases = await node.start();
  await leases.carrier(false);
  const given: BoundLease[] = [];
  await leases.add(POD_MAC, POD, (held) => given.push(held));
  expect(requests()).toEqual([]);
  await leases.carrier(true);
  expect(requests().map(([type]) => type)).toEqual([TYPE.discover]);
  await node.reply(leases, 'offer', '10.0.0.5');
  await node.reply(leases, 'ack', '10.0.0.5');
  await node.pass(leases, 2000);
  expect(given).toHaveLength(1);
});

it('another instance begins while the cable is pulled: leases go on, and are asked for when it returns', async () => {
  await node.grant(await node.start(), '10.0.0.5');
  const next = await node.start();
  node.sent.length = 0;
  await next.carrier(false);
  next.check(POD);
  await next.carrier(true);
  expect(requests()).toEqual([[TYPE.request, '10.0.0.5']]);
});

it('another address is for another pod: the port stays closed', async () => {
  const leases = await node.start();
  await node.grant(leases, '10.0.0.5');
  await node.pass(leases, 1_802_000);
  await node.reply(leases, 'nak', '0.0.0.0');
  await node.reply(leases, 'offer', '10.0.0.6');
  await node.reply(leases, 'ack', '10.0.0.6');
  expect(node.ports.at(-1)).toBe('veth1 closed');
  expect(node.logged.join('')).toContain('KIOS_DHCP_POD_MOVED');
  await leases.release(POD);
  expect(await node.grant(leases, '10.0.0.6')).toBe('10.0.0.6');
});

it('another instance goes on with the lease, and one of another boot asks for the address again', async () => {
  await node.grant(await node.start(), '10.0.0.5');
  node.sent.length = 0;
  const next = await node.start();
  next.check(POD);
  await node.pass(next, 1_000_000);
  expect(node.sent).toEqual([]);
  await node.pass(next, 802_000);
  expect(node.sent[0]?.message.ciaddr).toBe('10.0.0.5');
  node.sent.length = 0;
  const boot = await node.start('another boot');
  expect(() => boot.check(POD)).toThrow('find pod');
  await boot.add(POD_MAC, { ...POD, container: 'c2' }, () => undefined);
  expect(node.sent[0]?.message.options.get(OPTIONS.requestedAddress)).toBe('10.0.0.5');
});

it('collects what the runtime no longer has, in its network alone', async () => {
  const leases = await node.start();
  await node.grant(leases, '10.0.0.5');
  await leases.collect('other', () => false);
  await leases.collect('lan', ({ container }) => container === 'c1');
  leases.check(POD);
  await leases.collect('lan', () => false);
  expect(() => leases.check(POD)).toThrow('find pod');
  await expect.poll(() => readdir(folder)).toEqual([]);
  const last = node.sent.at(-1);
  expect(last && [typeOf(last), last.sourceMac]).toEqual([TYPE.release, HOST_MAC]);
});

it('forgets a pod that goes after its lease', async () => {
  const leases = await node.start();
  await node.grant(leases, '10.0.0.5');
  await node.pass(leases, 3_700_000);
  expect(node.ports).toEqual(['veth1 closed']);
  await leases.release(POD);
  expect(await readdir(folder)).toEqual([]);
});

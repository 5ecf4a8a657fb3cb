import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { afterEach, beforeEach, expect, it } from 'vitest';

import type { BoundLease } from '../../../src/core/client/model.ts';
import type { DhcpMessage } from '../../../src/core/wire/message.ts';
import { entry, OPTIONS, TYPE } from '../../../src/core/wire/options.ts';
import { PodLeases } from '../../../src/edge/pods/pod-leases.ts';
import { PodStore } from '../../../src/edge/pods/pod-store.ts';
import type { Segment } from '../../../src/edge/pods/segment.ts';
import { Drops } from '../../../src/edge/sockets/receivers.ts';
import { GRANT, message, SERVER, SERVER_MAC } from '../../support/fixtures.ts';

const MAC = '02:00:00:00:00:01';
const POD = {
  network: 'lan',
  container: 'c1',
  interface: 'eth0',
  namespace: 'default',
  pod: 'web',
};
const HOST_MAC = '52:54:00:00:00:01';
const quiet = { send: () => {}, close: () => Promise.resolve() };

/** A node with pods, on a segment whose server and time a test controls. */
class Node {
  readonly sent: { message: DhcpMessage; sourceMac: string }[] = [];
  readonly ports: string[] = [];
  readonly logged: string[] = [];
  now = 0;
  readonly #folder: string;
  readonly #log = createLogger('dhcp', {
    console: quiet,
    stdout: { write: (line) => this.logged.push(line) },
  });

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Starts an instance of the agent. */
  async start(bootId = 'boot'): Promise<PodLeases> {
    const segment: Segment = {
      send: (sent, { sourceMac }) => this.sent.push({ message: sent, sourceMac }),
      sendArp: () => undefined,
      receive: () => new Promise(() => undefined),
      [Symbol.dispose]: () => undefined,
    };
    const leases = new PodLeases({
      segment,
      store: await PodStore.open(this.#folder, this.#log),
      log: this.#log,
      drops: new Drops(this.#log, 'br0', 'warn'),
      bootId,
      minLeaseSeconds: 60,
      hostMac: HOST_MAC,
      clocks: () => ({ now: this.now, wall: 1e12 + this.now }),
      entropy: () => ({ xid: 7, jitter: 0.5 }),
      connect: async (port, on) => {
        this.ports.push(`${port} ${on ? 'open' : 'closed'}`);
      },
    });
    await leases.resume();
    return leases;
  }

  /** Lets the server reply to the pod. */
  async reply(leases: PodLeases, kind: 'offer' | 'ack' | 'nak', address: string): Promise<void> {
    const options = kind === 'nak' ? [entry(OPTIONS.serverId, SERVER)] : GRANT;
    const answer = message(TYPE[kind], options, { chaddr: MAC, xid: 7, yiaddr: address });
    const incoming = { message: answer, source: SERVER, sourceMac: SERVER_MAC };
    await leases.onHeard({ tag: 'message', incoming });
  }

  /** Lets time pass, with the timers that are due. */
  async pass(leases: PodLeases, milliseconds: number): Promise<void> {
    const until = this.now + milliseconds;
    for (let due = leases.wakeTime; due !== undefined && due <= until; due = leases.wakeTime) {
      this.now = Math.max(this.now, due);
      await leases.onTimer();
    }
    this.now = until;
  }

  /** Starts a pod and grants it an address. */
  async grant(leases: PodLeases, address: string): Promise<string | undefined> {
    const given: BoundLease[] = [];
    await leases.add(MAC, POD, (held) => given.push(held));
    await this.reply(leases, 'offer', address);
    await this.reply(leases, 'ack', address);
    if (given.length > 0) throw new Error('the address was given before it was probed for');
    await this.pass(leases, 2000);
    await leases.attach(POD, 'veth1');
    return given[0]?.lease.address;
  }
}

let folder = '';
let node: Node;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-pods-'));
  node = new Node(folder);
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
    [MAC, MAC],
    [MAC, MAC],
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
  await leases.add(MAC, POD, (held) => given.push(held));
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
  await boot.add(MAC, { ...POD, container: 'c2' }, () => undefined);
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

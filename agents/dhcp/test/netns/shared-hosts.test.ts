import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { Lan, type Netns, requireRoot, type RunningProcess, startDnsmasq } from '@kios/testkit';
import { addressToHex, type Rule, startScripted, Tap, u32ToHex } from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  addressesOf,
  buildAgent,
  eventually,
  Machine,
  routesOf,
  shippedRuntime,
} from '../support/netns/agent.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

const SERVER = '10.77.0.1';
const ADDRESS = '10.77.0.5';
const OURS = `${ADDRESS}/24`;
/** An address that a load balancer or a person adds. */
const VIP = '10.77.0.100/32';

interface Times {
  readonly t1: number;
  readonly t2: number;
}

/** A server that has one address for everybody. */
function granting({ t1, t2 }: Times): Rule[] {
  const options: [number, string][] = [
    [54, addressToHex(SERVER)],
    [51, u32ToHex(3600)],
    [1, addressToHex('255.255.255.0')],
    [3, addressToHex(SERVER)],
    [58, u32ToHex(t1)],
    [59, u32ToHex(t2)],
  ];
  return [
    { on: 'discover', reply: [{ type: 'offer', yiaddr: ADDRESS, options }] },
    { on: 'request', reply: [{ type: 'ack', yiaddr: ADDRESS, options }] },
  ];
}

const SELDOM: Times = { t1: 1800, t2: 3150 };
const OFTEN: Times = { t1: 2, t2: 1800 };

/** A machine with one card, a server and a neighbour on one network. */
class Segment implements AsyncDisposable {
  readonly lan: Lan;
  readonly machine: Machine;
  readonly tap: Tap;

  private constructor(lan: Lan, machine: Machine, tap: Tap) {
    this.lan = lan;
    this.machine = machine;
    this.tap = tap;
  }

  static async open(times: Times): Promise<Segment> {
    const lan = await Lan.open(`${SERVER}/24`, '10.77.0.9/24');
    const machine = await Machine.open(lan.client, shippedRuntime());
    await startScripted(lan.server, granting(times));
    return new Segment(lan, machine, await Tap.open(lan.server));
  }

  get client(): Netns {
    return this.lan.client;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.lan[Symbol.asyncDispose]();
  }
}

/** Plugs a second card into the network. */
async function plug({ client, server }: Lan, card: string): Promise<void> {
  const peer = ['peer', 'name', 'port3', 'netns', server.name];
  await client.exec('ip', 'link', 'add', card, 'type', 'veth', ...peer);
  await server.exec('ip', 'link', 'set', 'port3', 'master', 'srv0', 'up');
}

const has = ({ lines }: RunningProcess, event: string): boolean =>
  lines.some((line) => line.includes(`"ev":"${event}"`));

describe('two cards on one network', { timeout: 90_000 }, () => {
  it.concurrent('the second one replies for the first one’s address, which is no conflict', async () => {
    await using segment = await Segment.open(OFTEN);
    const { lan, client, machine, tap } = segment;
    await plug(segment.lan, 'eth1');
    await client.exec('ip', 'link', 'set', 'eth1', 'up');
    const second = await Tap.open(lan.server, 'port3');
    const daemon = machine.run();
    await daemon.expect('lease.bound', 30_000);
    await second.process.expect(new RegExp(`"arp":"reply".*"sender":"${ADDRESS}"`));
    await daemon.expect('lease.renewed', 30_000);
    expect(has(daemon, 'conflict')).toBe(false);
    expect(tap.seen('decline')).toEqual([]);
    expect(await addressesOf(client)).toEqual([OURS]);
  });

  it.concurrent('both get an address and keep it', async () => {
    await using lan = await Lan.open(`${SERVER}/24`, '10.77.0.9/24');
    const machine = await Machine.open(lan.client, shippedRuntime());
    await plug(lan, 'eth1');
    const range = '10.77.0.10,10.77.0.20,255.255.255.0,2m';
    const server = await startDnsmasq(lan.server, { interface: 'srv0', range });
    const daemon = machine.run('--interface=eth1');
    await daemon.expect(/lease\.bound.*"eth0"/, 30_000);
    await daemon.expect(/lease\.bound.*"eth1"/, 30_000);
    await eventually(async () => {
      const files = ['eth0', 'eth1'].map((link) =>
        readFile(machine.runFile(`${link}.json`), 'utf8'),
      );
      for (const file of await Promise.all(files)) expect(file).toContain('"checked":true');
    });
    expect(has(daemon, 'conflict')).toBe(false);
    expect(server.lines.join('\n')).not.toContain('DHCPDECLINE');
    expect(await addressesOf(lan.client)).toHaveLength(1);
    expect(await addressesOf(lan.client, 'eth1')).toHaveLength(1);
  });

  it.concurrent('an address is not configured twice', async () => {
    await using segment = await Segment.open(SELDOM);
    const { client, machine } = segment;
    await plug(segment.lan, 'eth1');
    const daemon = machine.run('--interface=eth1');
    await daemon.expect('lease.bound', 30_000);
    await daemon.expect(/rx\.drop.*is on eth\d already/, 30_000);
    const both = [...(await addressesOf(client)), ...(await addressesOf(client, 'eth1'))];
    expect(both).toEqual([OURS]);
  });
});

describe('a router that replies to every ARP request', { timeout: 90_000 }, () => {
  it.concurrent('does not take the address away', async () => {
    await using segment = await Segment.open(OFTEN);
    const { lan, machine, tap } = segment;
    const main = path.resolve(import.meta.dirname, '../support/netns/answer-arp-main.ts');
    await lan.neighbour.start(process.execPath, [main]).expect('listening');
    const daemon = machine.run();
    await daemon.expect('lease.bound', 30_000);
    await daemon.expect('arp.proxy', 30_000);
    await daemon.expect('lease.renewed', 30_000);
    expect(tap.seen('decline')).toEqual([]);
    expect(await addressesOf(lan.client)).toEqual([OURS]);
  });
});

describe('a link to which others add addresses', { timeout: 90_000 }, () => {
  it.concurrent('keeps its lease when the agent starts again', async () => {
    await using segment = await Segment.open(OFTEN);
    const { client, machine } = segment;
    const first = machine.run();
    await first.expect('lease.bound', 30_000);
    await eventually(async () => expect(await machine.lease()).toMatchObject({ if: 'eth0' }));
    await client.exec('ip', 'address', 'add', VIP, 'dev', 'eth0');
    await first.stop('SIGKILL');
    const daemon = machine.run();
    await daemon.expect('lease.adopted', 30_000);
    await daemon.expect('lease.renewed', 30_000);
    expect(await addressesOf(client)).toEqual([OURS, VIP]);
    expect(await machine.acquire().exited).toBe(0);
    expect(await addressesOf(client)).toEqual([OURS, VIP]);
  });

  it.concurrent('is served once the others have left it', async () => {
    await using segment = await Segment.open(SELDOM);
    const { client, machine } = segment;
    await client.exec('ip', 'address', 'add', VIP, 'dev', 'eth0');
    const daemon = machine.run();
    await daemon.expect('link.foreign', 30_000);
    await client.exec('ip', 'address', 'delete', VIP, 'dev', 'eth0');
    await daemon.expect('lease.bound', 30_000);
    expect(await addressesOf(client)).toEqual([OURS]);
  });
});

describe('a card that is renamed', { timeout: 90_000 }, () => {
  it.concurrent('keeps its lease, which is known by the new name only', async () => {
    await using segment = await Segment.open(OFTEN);
    const { client, machine } = segment;
    const daemon = machine.run('--interface=lan0');
    await daemon.expect('lease.bound', 30_000);
    await eventually(async () => expect(await machine.lease()).toMatchObject({ if: 'eth0' }));
    await client.exec('ip', 'link', 'set', 'eth0', 'name', 'lan0');
    await daemon.expect(/lease\.adopted.*lan0/, 30_000);
    await daemon.expect(/lease\.renewed.*lan0/, 30_000);
    expect(await addressesOf(client, 'lan0')).toEqual([OURS]);
    expect(existsSync(machine.runFile('lan0.json'))).toBe(true);
    expect(existsSync(machine.runFile('eth0.json'))).toBe(false);
  });
});

describe('a packet filter that drops what the host sends', { timeout: 90_000 }, () => {
  it.concurrent('costs a renewal by unicast, and the broadcast at T2 renews the lease', async () => {
    await using segment = await Segment.open({ t1: 2, t2: 6 });
    const { client, machine } = segment;
    const daemon = machine.run();
    await daemon.expect('lease.bound', 30_000);
    await client.exec('nft', 'add table ip f');
    const hook = 'type filter hook output priority 0; policy drop;';
    await client.exec('nft', `add chain ip f out { ${hook} }`);
    await daemon.expect(/tx\.fail.*EPERM/, 30_000);
    await daemon.expect('lease.renewed', 30_000);
    expect(await addressesOf(client)).toEqual([OURS]);
    expect(await routesOf(client)).toEqual([`default via ${SERVER}`]);
    expect(has(daemon, 'client.fail')).toBe(false);
  });
});

describe('a route of another owner', { timeout: 90_000 }, () => {
  it.concurrent('stays, and the gateway of the lease is not reported', async () => {
    await using segment = await Segment.open(SELDOM);
    const { client, machine } = segment;
    await client.exec('ip', 'link', 'set', 'eth0', 'up');
    const route = ['default', 'dev', 'eth0', 'metric', '100', 'proto', 'static'];
    await client.exec('ip', 'route', 'add', ...route);
    const daemon = machine.run();
    await daemon.expect('route.skip', 30_000);
    await daemon.expect(/lease\.bound.*"gateways":\[\]/, 30_000);
    await eventually(async () => expect((await machine.lease()).gateways).toEqual([]));
    expect(await routesOf(client)).toEqual(['default']);
  });
});

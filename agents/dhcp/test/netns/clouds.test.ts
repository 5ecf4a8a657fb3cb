import { requireRoot, type RunningProcess, startTcpFlow, Wire } from '@kios/testkit';
import {
  addressToHex,
  optionOf,
  type Reply,
  type Rule,
  startScripted,
  Tap,
  textToHex,
  u32ToHex,
} from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import {
  addressesOf,
  buildAgent,
  Machine,
  reboot,
  routesOf,
  shippedRuntime,
} from '../support/netns/agent.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

const SERVER = '10.77.0.1';
const ADDRESS = '10.77.0.5';
const DEADLINE = 45_000;

type Option = readonly [code: number, hex: string];
const MASK: Option = [1, addressToHex('255.255.255.0')];
const HOST_MASK: Option = [1, addressToHex('255.255.255.255')];
const ROUTER: Option = [3, addressToHex(SERVER)];
const HOUR: Option = [51, u32ToHex(3600)];
const SERVER_ID: Option = [54, addressToHex(SERVER)];
const USUAL = [SERVER_ID, HOUR, MASK, ROUTER];
const RAPID_COMMIT: Option = [80, ''];

const reply = (
  type: Reply['type'],
  options: readonly Option[],
  rest: Partial<Reply> = {},
): Reply => ({
  type,
  yiaddr: ADDRESS,
  ...rest,
  options: options.map(([code, hex]) => [code, hex]),
});

/** A server that offers and grants these options. */
const granting = (options: readonly Option[], rest: Partial<Reply> = {}): Rule[] => [
  { on: 'discover', reply: [reply('offer', options, rest)] },
  { on: 'request', reply: [reply('ack', options, rest)] },
];

/** A machine, a scripted server and a tap. */
class Cloud implements AsyncDisposable {
  readonly wire: Wire;
  readonly machine: Machine;
  readonly tap: Tap;
  #server: RunningProcess | undefined;

  private constructor(wire: Wire, machine: Machine, tap: Tap) {
    this.wire = wire;
    this.machine = machine;
    this.tap = tap;
  }

  static async open(rules: readonly Rule[]): Promise<Cloud> {
    const wire = await Wire.open(`${SERVER}/24`);
    const machine = await Machine.open(wire.client, shippedRuntime());
    const cloud = new Cloud(wire, machine, await Tap.open(wire.server));
    await cloud.serve(rules);
    return cloud;
  }

  async serve(rules: readonly Rule[]): Promise<void> {
    await this.#server?.stop();
    this.#server = await startScripted(this.wire.server, rules);
  }

  async acquire(...flags: string[]): Promise<RunningProcess> {
    const agent = this.machine.acquire(`--timeout=${DEADLINE / 1000}`, ...flags);
    const code = await agent.exited;
    if (code !== 0) throw new Error(`it ended with ${code}:\n${agent.lines.join('\n')}`);
    return agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.wire[Symbol.asyncDispose]();
  }
}

describe('the networks of clouds', { timeout: 90_000 }, () => {
  it.concurrent('AWS: jumbo frames on the link, two domains in option 15', async () => {
    const options = [...USUAL, [26, '2329'], [15, textToHex('ec2.internal example.com')]] as const;
    await using cloud = await Cloud.open(granting(options));
    await cloud.acquire();
    expect(await cloud.wire.client.ip('link', 'show', 'eth0')).toMatchObject([{ mtu: 9001 }]);
    expect((await cloud.machine.lease()).search).toEqual(['ec2.internal', 'example.com']);
  });

  it.concurrent('GCE: an address alone in its subnet, the way to the gateway in option 121', async () => {
    const gateway = addressToHex(SERVER);
    // The gateway is on-link, everything else goes through it.
    const routes = ['20', gateway, '00000000', '00', gateway].join('');
    const options = [SERVER_ID, HOUR, HOST_MASK, ROUTER, [121, routes], [26, '05b4']] as const;
    await using cloud = await Cloud.open(granting(options));
    await cloud.acquire();
    expect(await addressesOf(cloud.wire.client)).toEqual([`${ADDRESS}/32`]);
    expect(await routesOf(cloud.wire.client)).toEqual([SERVER, `default via ${SERVER}`]);
    await startTcpFlow(cloud.wire.client, cloud.wire.server, SERVER);
  });

  it.concurrent('Hetzner: a gateway outside the subnet and without a route', async () => {
    const options = [SERVER_ID, HOUR, HOST_MASK, [3, addressToHex('172.31.1.1')]] as const;
    await using cloud = await Cloud.open(granting(options));
    await cloud.acquire();
    expect(await routesOf(cloud.wire.client)).toEqual(['172.31.1.1', 'default via 172.31.1.1']);
  });

  it.concurrent('Azure: no reply to clients that ask for the MTU', async () => {
    const rules = granting(USUAL).map((rule) => ({ ...rule, when: { asksNot: 26 } }));
    await using cloud = await Cloud.open(rules);
    const agent = await cloud.acquire();
    await agent.expect('degrade');
    expect(await addressesOf(cloud.wire.client)).toEqual([`${ADDRESS}/24`]);
  });

  it.concurrent('Azure: routes in Microsoft’s option without the standard one', async () => {
    const route = `18${addressToHex('10.9.8.0').slice(0, 6)}${addressToHex(SERVER)}`;
    await using cloud = await Cloud.open(granting([...USUAL, [249, route]]));
    await cloud.acquire();
    expect(await routesOf(cloud.wire.client)).toEqual([`10.9.8.0/24 via ${SERVER}`]);
  });

  it.concurrent('UniFi: replies to renewals are broadcast', async () => {
    const soon: readonly Option[] = [...USUAL, [58, u32ToHex(2)], [59, u32ToHex(60)]];
    await using cloud = await Cloud.open(granting(soon, { broadcast: true }));
    const daemon = cloud.machine.run();
    await daemon.expect('lease.renewed', DEADLINE);
    const [, second] = await cloud.tap.until('ack', 2);
    expect(second).toMatchObject({ dst: '255.255.255.255', ciaddr: ADDRESS });
  });

  it.concurrent('CloudSigma: a false rapid commit is not asked for again after a boot', async () => {
    const rules: Rule[] = [
      { on: 'discover', when: { has: 80 }, reply: [reply('ack', USUAL)] },
      ...granting(USUAL),
    ];
    await using cloud = await Cloud.open(rules);
    await cloud.acquire();
    expect(await addressesOf(cloud.wire.client)).toEqual([`${ADDRESS}/24`]);
    await cloud.tap.until('ack', 2);
    const before = cloud.tap.seen('discover').length;
    await reboot(cloud.wire, cloud.machine);
    await cloud.serve([{ on: 'request', times: 1, reply: [reply('nak', [SERVER_ID])] }, ...rules]);
    await cloud.acquire();
    await cloud.tap.until('ack', 3);
    const after = cloud.tap.seen('discover').slice(before);
    expect(after.length).toBeGreaterThan(0);
    expect(after.map((packet) => optionOf(packet, 80))).not.toContain('');
  });
});

describe('servers that break the rules', { timeout: 90_000 }, () => {
  it.concurrent('an offer that carries rapid commit is an offer', async () => {
    const [offer, ack] = [reply('offer', [...USUAL, RAPID_COMMIT]), reply('ack', USUAL)];
    const rules: Rule[] = [
      { on: 'discover', reply: [offer] },
      { on: 'request', reply: [ack] },
    ];
    await using cloud = await Cloud.open(rules);
    await cloud.acquire();
    await cloud.tap.expect('ack');
    expect(cloud.tap.seen('request')).toHaveLength(1);
  });

  it.concurrent('without a server identifier the sender of the packet is the server', async () => {
    await using cloud = await Cloud.open(granting([HOUR, MASK, ROUTER]));
    await cloud.acquire();
    expect((await cloud.machine.lease()).server).toBe(SERVER);
  });

  it.concurrent('replies to other clients are ignored', async () => {
    const wrong = [
      reply('offer', USUAL, { xidOffset: 1, yiaddr: '10.77.0.66' }),
      reply('offer', USUAL, { chaddr: '02:00:00:00:00:66', yiaddr: '10.77.0.66' }),
      reply('offer', [...USUAL, [61, 'ff00']], { yiaddr: '10.77.0.66' }),
      reply('offer', USUAL, { noType: true, yiaddr: '10.77.0.66' }),
    ];
    const rules: Rule[] = [{ on: 'discover', times: 1, reply: wrong }, ...granting(USUAL)];
    await using cloud = await Cloud.open(rules);
    await cloud.acquire();
    expect(await addressesOf(cloud.wire.client)).toEqual([`${ADDRESS}/24`]);
    await cloud.tap.until('discover', 2);
  });

  it.concurrent.each([
    ['a loopback address', { yiaddr: '127.0.0.1' }, USUAL],
    ['the broadcast address', { yiaddr: '10.77.0.255' }, USUAL],
    ['no address', { yiaddr: '0.0.0.0' }, USUAL],
    ['a mask with holes', {}, [SERVER_ID, HOUR, [1, 'ff00ff00'], ROUTER]],
    ['no lease time', {}, [SERVER_ID, MASK, ROUTER]],
  ] as const)('an offer of %s is none', async (_, rest, options) => {
    const rules: Rule[] = [
      // Twice, because the server's end of a new cable may lose its first packet.
      { on: 'discover', times: 2, reply: [reply('offer', options, rest)] },
      ...granting(USUAL),
    ];
    await using cloud = await Cloud.open(rules);
    const agent = await cloud.acquire();
    await agent.expect('rx.drop');
    expect(await addressesOf(cloud.wire.client)).toEqual([`${ADDRESS}/24`]);
  });

  it.concurrent('a gateway that is our own address is ignored', async () => {
    const options = [SERVER_ID, HOUR, MASK, [3, addressToHex(ADDRESS)]] as const;
    await using cloud = await Cloud.open(granting(options));
    await cloud.acquire();
    expect(await addressesOf(cloud.wire.client)).toEqual([`${ADDRESS}/24`]);
    expect(await routesOf(cloud.wire.client)).toEqual([]);
  });

  it.concurrent('an MTU that is not sent any more gives the link its own one back', async () => {
    const soon: readonly Option[] = [...USUAL, [58, u32ToHex(2)], [59, u32ToHex(60)]];
    const [first, second] = [granting([...soon, [26, '0578']]), granting(soon)];
    await using cloud = await Cloud.open(first);
    const { client } = cloud.wire;
    await cloud.acquire();
    expect(await client.ip('link', 'show', 'eth0')).toMatchObject([{ mtu: 1400 }]);
    await cloud.serve(second);
    // Another instance than the one that changed it.
    const daemon = cloud.machine.run();
    await daemon.expect('lease.adopted', DEADLINE);
    await daemon.expect(/mtu\.set.*1500/, DEADLINE);
    expect(await client.ip('link', 'show', 'eth0')).toMatchObject([{ mtu: 1500 }]);
    expect(await addressesOf(client)).toEqual([`${ADDRESS}/24`]);
  });

  it.concurrent('a subnet in option 121 stays the kernel’s when it is not sent any more', async () => {
    const soon: readonly Option[] = [...USUAL, [58, u32ToHex(2)], [59, u32ToHex(60)]];
    const subnet = `18${addressToHex('10.77.0.0').slice(0, 6)}00000000`;
    const routes = `${subnet}00${addressToHex(SERVER)}`;
    await using cloud = await Cloud.open(granting([...soon, [121, routes]]));
    const { client } = cloud.wire;
    const connected = async (): Promise<string> =>
      client.exec('ip', 'route', 'show', '10.77.0.0/24', 'proto', 'kernel');
    await cloud.acquire();
    expect(await connected()).toContain('scope link');
    await cloud.serve(granting(soon));
    const daemon = cloud.machine.run();
    await daemon.expect('lease.renewed', DEADLINE);
    expect(await connected()).toContain('scope link');
    expect(await routesOf(client)).toEqual([`default via ${SERVER}`]);
  });

  it.concurrent('impossible times are repaired', async () => {
    const times: readonly Option[] = [
      [58, u32ToHex(5000)],
      [59, u32ToHex(10)],
    ];
    await using cloud = await Cloud.open(granting([...USUAL, ...times]));
    await cloud.acquire();
    expect(await cloud.machine.lease()).toMatchObject({ lease: 3600, t1: 1800, t2: 3150 });
  });

  it.concurrent('each of three refusals is heeded, and the fourth request is granted', async () => {
    const nak = reply('nak', [SERVER_ID], { yiaddr: '0.0.0.0' });
    const rules: Rule[] = [{ on: 'request', times: 3, reply: [nak] }, ...granting(USUAL)];
    await using cloud = await Cloud.open(rules);
    const agent = await cloud.acquire('--no-rapid-commit');
    expect(agent.lines.filter((line) => line.includes('"ev":"nak"'))).toHaveLength(3);
    expect(await addressesOf(cloud.wire.client)).toEqual([`${ADDRESS}/24`]);
  });
});

import { stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { requireRoot, Wire } from '@kios/testkit';
import { addressToHex, type Rule, startScripted, Tap, u32ToHex } from '@kios/testkit/dhcp';
import * as v from 'valibot';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildAgent, Machine, routesOf, shippedRuntime } from '../support/netns/agent.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

const SERVER = '10.77.0.1';
type Option = [code: number, hex: string];
const USUAL: readonly Option[] = [
  [54, addressToHex(SERVER)],
  [1, addressToHex('255.255.255.0')],
  [3, addressToHex(SERVER)],
];
const HOUR: Option = [51, u32ToHex(3600)];

/** A server that grants whatever is asked for, with these options. */
const granting = (...options: readonly Option[]): Rule[] =>
  (['discover', 'request'] as const).map((on) => ({
    on,
    reply: [
      {
        type: on === 'discover' ? 'offer' : 'ack',
        yiaddr: '10.77.0.5',
        options: [...USUAL, ...options],
      },
    ],
  }));

/** A machine as it ships, on a wire with the server. */
async function open(rules: readonly Rule[]) {
  const wire = await Wire.open(`${SERVER}/24`);
  const tap = await Tap.open(wire.server);
  await startScripted(wire.server, rules);
  const machine = await Machine.open(wire.client, shippedRuntime(), false);
  return { wire, tap, machine, [Symbol.asyncDispose]: () => wire[Symbol.asyncDispose]() };
}

const Addresses = v.array(
  v.object({ mtu: v.number(), addr_info: v.array(v.object({ family: v.string() })) }),
);
const Default = v.array(v.object({ metrics: v.optional(v.array(v.object({ mtu: v.number() }))) }));

async function stateOf({ client }: Wire) {
  const [link] = v.parse(Addresses, await client.ip('address', 'show', 'dev', 'eth0'));
  const [route] = v.parse(Default, await client.ip('route', 'show', 'default'));
  return {
    link: link?.mtu,
    route: route?.metrics?.[0]?.mtu,
    ipv6: link?.addr_info.some(({ family }) => family === 'inet6'),
  };
}

describe('a server that grants', { timeout: 60_000 }, () => {
  it.each([
    ['a lease of one second', [[51, u32ToHex(1)]], 'lease', 60],
    ['an hour, to be renewed after one second', [HOUR, [58, u32ToHex(1)]], 'renewal', 3600],
  ] as const)('%s is not asked again within seconds', async (_, options, what, lease) => {
    await using place = await open(granting(...options.map((each) => [...each] as Option)));
    const { tap, machine } = place;
    const daemon = machine.run();
    await daemon.expect('lease.bound');
    await daemon.expect(`"what":"${what}","sent":1,"used":${what === 'lease' ? 60 : 30}`);
    // The probing for the address ends, and is written too.
    await delay(2000);
    const asked = tap.seen('request').length;
    const written = (await stat(machine.stateFile('eth0.json'))).mtimeMs;
    await delay(5000);
    expect(tap.seen('request')).toHaveLength(asked);
    expect((await stat(machine.stateFile('eth0.json'))).mtimeMs).toBe(written);
    expect(await machine.lease()).toMatchObject({ lease, t1: 30 });
    expect(daemon.lines.filter((line) => line.includes('lease.limit'))).toHaveLength(1);
  });

  it('a thousand routes gets the default route and the first 64 installed', async () => {
    const routes = Array.from({ length: 1000 }, (_, at) => {
      const network = [20 + (at >> 8), at & 255].map((byte) => byte.toString(16).padStart(2, '0'));
      return `10${network.join('')}${addressToHex(SERVER)}`;
    });
    const bytes = Buffer.from([...routes, `00${addressToHex(SERVER)}`].join(''), 'hex');
    const parts: Option[] = [];
    for (let at = 0; at < bytes.length; at += 255)
      parts.push([121, bytes.toString('hex', at, at + 255)]);
    await using place = await open(granting(HOUR, ...parts));
    const { wire, machine } = place;
    await wire.client.exec('ip', 'link', 'set', 'eth0', 'mtu', '9000');
    await wire.server.exec('ip', 'link', 'set', 'srv0', 'mtu', '9000');
    const agent = machine.acquire('--timeout=20');
    expect(await agent.exited).toBe(0);
    await agent.expect('"what":"routes","sent":1000,"used":64');
    const installed = await routesOf(wire.client);
    expect(installed).toHaveLength(65);
    expect(installed).toContain(`default via ${SERVER}`);
    expect(installed).toContain(`20.63.0.0/16 via ${SERVER}`);
  });

  it('an MTU too small for IPv6 sets it for IPv4 alone', async () => {
    await using place = await open(granting(HOUR, [26, '0240']));
    const { wire, machine } = place;
    const daemon = machine.run();
    await daemon.expect('"step":"mtu","mtu":576');
    await daemon.expect('lease.bound');
    await expect.poll(() => stateOf(wire)).toEqual({ link: 1500, route: 576, ipv6: true });
  });

  it('the same MTU sets it for the link where IPv6 is off', async () => {
    await using place = await open(granting(HOUR, [26, '0240']));
    const { wire, machine } = place;
    await wire.client.exec('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1');
    expect(await machine.acquire('--timeout=20').exited).toBe(0);
    expect(await stateOf(wire)).toEqual({ link: 576, route: undefined, ipv6: false });
  });
});

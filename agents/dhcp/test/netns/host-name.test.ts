import { requireRoot, Wire } from '@kios/testkit';
import {
  addressToHex,
  type DhcpPacket,
  optionOf,
  type Rule,
  startScripted,
  Tap,
  textToHex,
  u32ToHex,
} from '@kios/testkit/dhcp';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildAgent, Machine, shippedRuntime } from '../support/netns/agent.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

const SERVER = '10.77.0.1';
const HOST_NAME = 12;
/** Renewed after two seconds. */
const OPTIONS: [code: number, hex: string][] = [
  [54, addressToHex(SERVER)],
  [51, u32ToHex(3600)],
  [58, u32ToHex(2)],
  [1, addressToHex('255.255.255.0')],
];
const RULES: Rule[] = (['discover', 'request'] as const).map((on) => ({
  on,
  reply: [{ type: on === 'discover' ? 'offer' : 'ack', yiaddr: '10.77.0.5', options: OPTIONS }],
}));

const asksForName = (packet: DhcpPacket): boolean =>
  Buffer.from(optionOf(packet, 55) ?? '', 'hex').includes(HOST_NAME);

/** The name that each message of a kind sends, or whether it asks for one. */
const namesIn = (packets: readonly DhcpPacket[]): (string | boolean)[] =>
  packets.map((packet) => optionOf(packet, HOST_NAME) ?? asksForName(packet));

describe('the host name', () => {
  it.each([
    ['that somebody chose is sent', 'file', textToHex('node-7')],
    ['that init derived is not sent, and one is asked for', 'machine', true],
    ['that init made up is not sent, and one is asked for', 'random', true],
  ] as const)('%s', async (_, source, expected) => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const tap = await Tap.open(wire.server);
    await startScripted(wire.server, RULES);
    const machine = await Machine.open(wire.client, shippedRuntime());
    await machine.name('node-7', source);
    expect(await machine.acquire().exited).toBe(0);
    await tap.expect('ack');
    expect(namesIn(tap.seen('discover'))).toContain(expected);
    expect(new Set(namesIn([...tap.seen('discover'), ...tap.seen('request')])).size).toBe(1);
  });

  it('that is chosen while the agent runs is sent with the next message', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    const tap = await Tap.open(wire.server);
    await startScripted(wire.server, RULES);
    const machine = await Machine.open(wire.client, shippedRuntime());
    await machine.name('kios-0a1b2c3d', 'machine');
    const daemon = machine.run();
    await daemon.expect('lease.bound');
    await machine.name('node-7', 'file');
    const before = tap.seen('request').length;
    await tap.until('request', before + 1);
    expect(namesIn(tap.seen('request').slice(before))).toEqual([textToHex('node-7')]);
  });
});

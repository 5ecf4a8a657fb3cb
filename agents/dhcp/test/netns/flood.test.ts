import { readFile } from 'node:fs/promises';

import { requireRoot, type RunningProcess, startDnsmasq, Wire } from '@kios/testkit';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { addressesOf, buildAgent, Machine, macOf, shippedRuntime } from '../support/netns/agent.ts';

const SERVER = '10.77.0.1';
const SRV0 = { interface: 'srv0', range: '10.77.0.10,10.77.0.20,255.255.255.0,2m' };

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

/** Sends DHCP offers for a client to an address, as fast as one processor can. */
const FLOOD = `
  const { createSocket } = require('node:dgram');
  const [, mac, address] = process.argv;
  const offer = Buffer.alloc(300);
  offer.set([2, 1, 6, 0]);
  offer.writeUInt32BE(0x0a4d0063, 16);
  offer.write(mac.replaceAll(':', ''), 28, 'hex');
  offer.writeUInt32BE(0x63825363, 236);
  offer.set([53, 1, 2, 54, 4, 10, 77, 0, 1, 51, 4, 0, 0, 14, 16, 255], 240);
  const socket = createSocket('udp4');
  let sent = 0;
  const send = () => {
    for (let burst = 0; burst < 64; burst++) {
      offer.writeUInt32BE((sent += 1), 4);
      socket.send(offer, 68, address);
    }
    setImmediate(send);
  };
  socket.bind(6767, () => {
    socket.setBroadcast(true);
    console.log('flooding');
    send();
  });`;

const residentMiB = async (pid: number): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024;
};

async function expectGoodHealth(daemon: RunningProcess): Promise<void> {
  expect(await residentMiB(daemon.pid)).toBeLessThan(110);
  const stopping = performance.now();
  expect(await daemon.stop()).toBe(0);
  expect(performance.now() - stopping).toBeLessThan(1500);
}

describe('a flood of offers', () => {
  it('that reply to no message of ours does not keep the agent from its address', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    await startDnsmasq(wire.server, SRV0);
    await wire.server.exec('ip', 'route', 'replace', '255.255.255.255/32', 'dev', 'srv0');
    const machine = await Machine.open(wire.client, shippedRuntime());
    await wire.client.exec('ip', 'link', 'set', 'eth0', 'up');
    const target = [await macOf(wire.client), '255.255.255.255'];
    await using flood = wire.server.start(process.execPath, ['-e', FLOOD, ...target]);
    await flood.expect('flooding');
    const daemon = machine.run();
    await daemon.expect('lease.bound', 5000);
    expect(await addressesOf(wire.client)).toHaveLength(1);
    await expectGoodHealth(daemon);
  });

  it('to its address costs it neither its renewal nor its memory, and it still heeds signals', async () => {
    await using wire = await Wire.open(`${SERVER}/24`);
    await startDnsmasq(wire.server, { ...SRV0, options: ['option:T1,3'] });
    const machine = await Machine.open(wire.client, shippedRuntime());
    const daemon = machine.run();
    await daemon.expect('lease.bound');
    const [address = ''] = await addressesOf(wire.client);
    const target = [await macOf(wire.client), address.replace(/\/.*/, '')];
    await using flood = wire.server.start(process.execPath, ['-e', FLOOD, ...target]);
    await flood.expect('flooding');
    await daemon.expect('lease.renewed', 10_000);
    expect(await addressesOf(wire.client)).toEqual([address]);
    await expectGoodHealth(daemon);
  });
});

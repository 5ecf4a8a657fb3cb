import { requireRoot, startDnsmasq, Wire } from '@kios/testkit';
import { beforeAll, beforeEach, expect, it, vi } from 'vitest';

import { linkLocalAddress } from '../../src/core/kernel/link-local.ts';
import { addressesOf, buildAgent, Machine, macOf, shippedRuntime } from '../support/netns/agent.ts';

beforeEach(requireRoot);
beforeAll(buildAgent, 60_000);

const METADATA = '169.254.169.254';
const SERVICE = `require('node:http').createServer((_, response) => response.end('droplet'))
  .listen(80, '${METADATA}', () => console.log('listening'));`;
const ASK = `fetch('http://${METADATA}/').then((answer) => answer.text()).then(console.log);`;
const RANGE = '10.77.0.10,10.77.0.20,255.255.255.0,2m';

it('a link reaches the metadata service with the flag, and only until it has a lease', async () => {
  await using wire = await Wire.open(`${METADATA}/16`);
  const { client, server } = wire;
  await server.start(process.execPath, ['-e', SERVICE]).expect('listening');
  const machine = await Machine.open(client, shippedRuntime());
  const daemon = machine.run('--ipv4ll-metadata');
  await daemon.expect('link.local');
  const local = `${linkLocalAddress(await macOf(client))}/16`;
  expect(await addressesOf(client)).toEqual([local]);
  await vi.waitFor(async () => {
    expect(await client.exec(process.execPath, '-e', ASK)).toBe('droplet\n');
  }, 5000);
  await server.exec('ip', 'address', 'add', '10.77.0.1/24', 'dev', 'srv0');
  await startDnsmasq(server, { interface: 'srv0', range: RANGE });
  await daemon.expect('lease.bound', 70_000);
  await vi.waitFor(async () => {
    expect(await addressesOf(client)).toEqual([(await machine.lease()).address]);
  }, 5000);
}, 120_000);

it('the address for metadata goes when the next instance has no such flag', async () => {
  await using wire = await Wire.open('10.77.0.1/24');
  const machine = await Machine.open(wire.client, shippedRuntime());
  const first = machine.run('--ipv4ll-metadata');
  await first.expect('link.local');
  await first.stop('SIGKILL');
  expect(await addressesOf(wire.client)).toHaveLength(1);
  machine.run();
  await vi.waitFor(async () => {
    expect(await addressesOf(wire.client)).toEqual([]);
  }, 10_000);
}, 60_000);

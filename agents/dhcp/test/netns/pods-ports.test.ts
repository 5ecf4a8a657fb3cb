import { type Netns, requireRoot } from '@kios/testkit';
import { beforeAll, beforeEach, expect, it, vi } from 'vitest';

import { buildPlugins, HOST, LanHost } from '../support/netns/lan-host.ts';

beforeEach(requireRoot);
beforeAll(buildPlugins, 120_000);

/** Says to each client who it is to the server. */
const SERVER = `require('node:net')
  .createServer((socket) => socket.end(socket.remoteAddress.replace('::ffff:', '')))
  .listen(80, '::', () => console.log('listening'))`;

const ask = async (from: Netns, port: number, host: string = HOST): Promise<string> => {
  const program = `require('node:net').connect({ host: '${host}', port: ${port}, timeout: 3000 })
    .on('data', (data) => console.log(String(data))).on('error', ({ code }) => console.log(code))
    .on('timeout', () => process.exit(0));`;
  return (await from.exec(process.execPath, '-e', program)).trim();
};

it("a pod on the segment is reached by the host's port, from its neighbours and itself, and replies through the host", async () => {
  await using host = await LanHost.open();
  const { client } = host.lan;
  await client.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  await host.serve();
  await host.start();
  const [pod, other] = [await host.pod('web-0'), await host.pod('web-1')];
  const result = await host.add(pod);
  await host.add(other);
  await pod.netns.start(process.execPath, ['-e', SERVER]).expect('listening');
  expect(await ask(host.lan.neighbour, 8080)).toBe('ECONNREFUSED');
  await host.mapPort('ADD', pod, 8080, result);
  await host.mapPort('CHECK', pod, 8080, result);
  for (const from of [host.lan.neighbour, host.lan.server, client, other.netns, pod.netns])
    expect(await ask(from, 8080)).toBe(HOST);
  await host.mapPort('DEL', pod, 8080, result);
  expect(await ask(host.lan.neighbour, 8080)).toBe('ECONNREFUSED');
}, 60_000);

/** Waits for the address that a link makes of an announced prefix, and until nobody else may have it. */
const addressIn = async (netns: Netns, link: string, prefix: string): Promise<string> =>
  vi.waitFor(
    async () => {
      const args = ['-6', '-o', 'address', 'show', 'dev', link, '-tentative'];
      const found = new RegExp(` (${prefix}\\S+)/64 `).exec(await netns.exec('ip', ...args))?.[1];
      expect(found, `${link} has an address in ${prefix}`).toBeDefined();
      return found ?? '';
    },
    { timeout: 20_000, interval: 100 },
  );

it("over IPv6 a pod is reached by the host's port at the address that it makes of each announced prefix", async () => {
  await using host = await LanHost.open();
  const { client, neighbour, server } = host.lan;
  await client.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding');
  await client.exec('sh', '-c', 'echo 2 > /proc/sys/net/ipv6/conf/br0/accept_ra');
  await host.serve();
  await host.start();
  const pod = await host.pod('web-0');
  const result = await host.add(pod);
  await host.mapPort('ADD', pod, 8080, result);
  await pod.netns.start(process.execPath, ['-e', SERVER]).expect('listening');
  for (const prefix of ['fd00:77:', 'fd00:78:']) {
    await server.exec('ip', 'address', 'add', `${prefix}:1/64`, 'dev', 'srv0', 'nodad');
    await using _ = await host.announce(`${prefix}:`);
    const address = await addressIn(client, 'br0', prefix);
    await addressIn(pod.netns, 'eth0', prefix);
    await addressIn(neighbour, 'eth0', prefix);
    for (const from of [neighbour, client, pod.netns])
      expect(await ask(from, 8080, address)).toBe(address);
  }
}, 90_000);

import { type Netns, requireRoot } from '@kios/testkit';
import { beforeAll, beforeEach, expect, it } from 'vitest';

import { buildPlugins, HOST, LanHost } from '../support/netns/lan-host.ts';

beforeEach(requireRoot);
beforeAll(buildPlugins, 120_000);

/** Says to each client who it is to the server. */
const SERVER = `require('node:net').createServer((socket) => socket.end(socket.remoteAddress))
  .listen(80, '0.0.0.0', () => console.log('listening'))`;

const ask = async (from: Netns, port: number): Promise<string> => {
  const program = `require('node:net').connect({ host: '${HOST}', port: ${port}, timeout: 3000 })
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

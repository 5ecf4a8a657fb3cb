import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Netns, requireRoot, Wire } from '@kios/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';

const BUNDLE = path.join(import.meta.dirname, '../../dist/agent.cjs');
const MASQUERADE = [
  'ip saddr 10.85.0.0/16 ip daddr != 10.85.0.0/16 masquerade',
  'ip6 saddr fd6b:696f:7300::/64 ip6 daddr != fd6b:696f:7300::/64 masquerade',
];

const FORWARD = [
  'type filter hook forward priority filter',
  'iifname != "cni0" accept',
  'tcp dport 53 accept',
  'udp dport 53 accept',
  'ip daddr 169.254.0.0/16 drop',
  'ip daddr 168.63.129.16 drop',
  'ip daddr 192.0.0.192 drop',
  'ip daddr 100.100.100.200 drop',
  'ip6 daddr fd00:ec2::/32 drop',
  'ip6 daddr fd00:c1::/32 drop',
  'ip6 daddr fd00:42::/32 drop',
  'ip6 daddr fd00:a9fe:a9fe::/48 drop',
  'ip6 daddr fd20:ce::254 drop',
];

const PREROUTING = [
  'type filter hook prerouting priority filter',
  'iifname "cni0" ct status ! confirmed limit rate over 137/second burst 137 packets drop',
  'iifname "cni0" ct status ! confirmed add @connections { symhash mod 256 ct count over 128 } drop',
];

/** The world outside the node: it sends each client its address, at the ports of HTTP and DNS. */
const SERVER = `for (const port of [80, 53]) for (const host of ['0.0.0.0', '::'])
  require('node:net').createServer((socket) => socket.end(socket.remoteAddress)).listen({ port, host, ipv6Only: true })`;
/** Prints the reply, or `silence` when none comes within a second. */
const client = (address: string, port: number): string =>
  `const socket = require('node:net').connect(${port}, '${address}');
   socket.on('data', (data) => console.log(String(data))).on('error', (error) => console.log(error.code));
   setTimeout(() => { console.log('silence'); process.exit() }, 1000).unref()`;

let netns: Netns;
let root = '';

beforeEach(async (context) => {
  requireRoot(context);
  netns = await Netns.open('cni');
  root = await mkdtemp(path.join(tmpdir(), 'kios-cni-'));
  for (const dir of ['src', 'bin', 'net']) await mkdir(path.join(root, dir));
  await writeFile(path.join(root, 'src/bridge'), 'plugin');
});

afterEach(async () => {
  await netns[Symbol.asyncDispose]();
  await rm(root, { recursive: true, force: true });
});

/**
 * Runs the agent with the given capability alone, as the manifest gives it one, on a kernel whose table of connections
 * seems to have so many places.
 */
const install = (capability: string, where: Netns = netns, places = 65_536): Promise<string> =>
  where.exec(
    'sh',
    '-c',
    'echo "$0" > "$1" && mount --bind "$1" /proc/sys/net/netfilter/nf_conntrack_max && shift && exec "$@"',
    String(places),
    `${root}/places`,
    'setpriv',
    `--bounding-set=-all,${capability}`,
    '--no-new-privs',
    process.execPath,
    BUNDLE,
    'install',
    `--source=${root}/src`,
    `--bin=${root}/bin`,
    `--net=${root}/net`,
    `--boot=${root}/run`,
  );

it('leaves its rules alone, even after two runs and over a foreign chain', async () => {
  await netns.exec('nft', 'add table inet kios-cni; add chain inet kios-cni other');
  expect(await install('+net_admin')).toContain('"ev":"rules"');
  const first = await netns.exec('nft', 'list', 'ruleset');
  for (const rule of [...PREROUTING, ...FORWARD, ...MASQUERADE]) expect(first).toContain(rule);
  expect(first).toContain('type nat hook postrouting priority srcnat');
  expect(first).not.toContain('other');
  await install('+net_admin');
  expect(await netns.exec('nft', 'list', 'ruleset')).toBe(first);
});

it('installs the network without the capability, and reports it with a code', async () => {
  const said = await install('-net_admin');
  expect(said).toContain('KIOS_CNI_RULES');
  expect(said).toContain('"ev":"network"');
});

/** Makes `netns` a pod of the node, and the wire's other end the world with a cloud's metadata service. */
async function connectPod({ client: node, server: world }: Wire): Promise<void> {
  await node.exec('ip', 'address', 'add', '192.0.2.2/24', 'dev', 'eth0');
  await node.exec('ip', 'link', 'set', 'eth0', 'up');
  await node.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  await node.exec('ip', 'link', 'add', 'cni0', 'type', 'veth', 'peer', 'eth0', 'netns', netns.name);
  await node.exec('ip', 'address', 'add', '10.85.0.1/16', 'dev', 'cni0');
  await node.exec('ip', 'link', 'set', 'cni0', 'up');
  await netns.exec('ip', 'address', 'add', '10.85.0.2/16', 'dev', 'eth0');
  await netns.exec('ip', 'link', 'set', 'eth0', 'up');
  await netns.exec('ip', 'route', 'add', 'default', 'via', '10.85.0.1');
  await node.exec('ip', 'route', 'add', 'default', 'via', '192.0.2.1');
  await node.exec('ip', 'address', 'add', '2001:db8::2/64', 'dev', 'eth0', 'nodad');
  await node.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding');
  await node.exec('ip', 'address', 'add', 'fd6b:696f:7300::1/64', 'dev', 'cni0', 'nodad');
  await netns.exec('ip', 'address', 'add', 'fd6b:696f:7300::2/64', 'dev', 'eth0', 'nodad');
  await netns.exec('ip', 'route', 'add', 'default', 'via', 'fd6b:696f:7300::1');
  await node.exec('ip', 'route', 'add', 'default', 'via', '2001:db8::1');
  await world.exec('ip', 'address', 'add', '2001:db8::1/64', 'dev', 'srv0', 'nodad');
  for (const address of CLOUD6)
    await world.exec('ip', 'address', 'add', `${address}/128`, 'dev', 'srv0', 'nodad');
  for (const address of CLOUD) await world.exec('ip', 'address', 'add', address, 'dev', 'srv0');
  world.start(process.execPath, ['-e', SERVER]);
}

const CLOUD6 = ['fd00:ec2::254', 'fd00:c1::a9fe:a9fe', 'fd20:ce::254'];
const CLOUD = ['169.254.169.254', '169.254.42.42', '168.63.129.16', '100.100.100.200'];

const ask = (from: Netns, address: string, port: number): Promise<string> =>
  from.exec(process.execPath, '-e', client(address, port));

it('a pod reaches the world under the address of the node', async () => {
  await using wire = await Wire.open('192.0.2.1/24');
  await connectPod(wire);
  await install('+net_admin', wire.client);
  await expect.poll(() => ask(netns, '192.0.2.1', 80), { timeout: 10_000 }).toBe('192.0.2.2\n');
}, 20_000);

it("a pod does the same over IPv6, and reaches none of a platform's services but its resolver", async () => {
  await using wire = await Wire.open('192.0.2.1/24');
  await connectPod(wire);
  await install('+net_admin', wire.client);
  await expect.poll(() => ask(netns, '2001:db8::1', 80), { timeout: 10_000 }).toBe('2001:db8::2\n');
  expect(await ask(wire.client, 'fd00:ec2::254', 80)).toBe('2001:db8::2\n');
  const replies = await Promise.all(CLOUD6.map((address) => ask(netns, address, 80)));
  expect(replies).toEqual(CLOUD6.map(() => 'silence\n'));
  expect(await ask(netns, 'fd00:ec2::254', 53)).toBe('2001:db8::2\n');
}, 30_000);

it("a pod reaches none of a platform's services but its resolver, under any address of its own", async () => {
  await using wire = await Wire.open('192.0.2.1/24');
  await connectPod(wire);
  await install('+net_admin', wire.client);
  await expect
    .poll(() => ask(wire.client, '169.254.169.254', 80), { timeout: 10_000 })
    .toBe('192.0.2.2\n');
  const replies = await Promise.all(CLOUD.map((address) => ask(netns, address, 80)));
  expect(replies).toEqual(CLOUD.map(() => 'silence\n'));
  expect(await ask(netns, '169.254.169.254', 53)).toBe('192.0.2.2\n');
  // A pod with NET_RAW sends from whatever address it likes.
  await netns.exec('ip', 'address', 'add', '192.0.2.99/32', 'dev', 'eth0');
  await netns.exec('ip', 'route', 'replace', 'default', 'via', '10.85.0.1', 'src', '192.0.2.99');
  await wire.client.exec('ip', 'route', 'add', '192.0.2.99/32', 'dev', 'cni0');
  await wire.client.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/conf/eth0/proxy_arp');
  expect(await ask(netns, '169.254.169.254', 53)).toBe('192.0.2.99\n');
  expect(await ask(netns, '169.254.169.254', 80)).toBe('silence\n');
}, 30_000);

const TABLE = '/proc/sys/net/netfilter/nf_conntrack';
const tracked = async (node: Netns): Promise<number> =>
  Number(await node.exec('cat', `${TABLE}_count`));
/** Sets how long the node keeps connections that have ended. */
const keepEnded = (node: Netns, seconds: number): Promise<string> =>
  node.exec(
    'sh',
    '-c',
    `for t in time_wait close; do echo ${seconds} > ${TABLE}_tcp_timeout_$t; done`,
  );

/** Begins a connection with a datagram every millisecond, to so many ports, from all the addresses by turns. */
const flood = (addresses: readonly string[], ports: number): string => `
  const { setTimeout: sleep } = require('node:timers/promises');
  const bind = (address) => new Promise((bound) => {
    const type = address.includes(':') ? 'udp6' : 'udp4';
    const socket = Object.assign(require('node:dgram').createSocket(type), {
      to: type === 'udp6' ? '2001:db8::1' : '192.0.2.1',
    });
    socket.bind(0, address, () => bound(socket));
  });
  Promise.all(${JSON.stringify(addresses)}.map(bind)).then(async (sockets) => {
    for (let i = 0; i < ${ports}; i++) {
      const socket = sockets[i % sockets.length];
      await new Promise((sent) => socket.send('', 1000 + i, socket.to, sent));
      await sleep(1);
    }
    process.exit();
  })`;

it('pods hold half of the places for connections open, under addresses of any family, and the node has the rest', async () => {
  await using wire = await Wire.open('192.0.2.1/24');
  const { client: node } = wire;
  await connectPod(wire);
  await keepEnded(node, 1);
  await install('+net_admin', node, 1024);
  const forged = Array.from({ length: 8 }, (_, index) => `10.85.7.${index}`);
  for (const address of forged)
    await netns.exec('ip', 'address', 'add', `${address}/32`, 'dev', 'eth0');
  const before = await tracked(node);
  await netns.exec(
    process.execPath,
    '-e',
    flood(['10.85.0.2', 'fd6b:696f:7300::2', ...forged], 3000),
  );
  expect(await tracked(node)).toBe(before + 512);
  await node.exec(process.execPath, '-e', flood(['192.0.2.2'], 500));
  expect(await tracked(node)).toBe(before + 512 + 500);
}, 30_000);

/** Makes one connection after another for so many seconds. */
const churn = (seconds: number): string => `
  const end = Date.now() + ${seconds * 1000};
  const next = () => {
    if (Date.now() > end) process.exit();
    require('node:net').connect({ port: 80, host: '192.0.2.1', timeout: 100 })
      .on('data', () => {}).on('timeout', function () { this.destroy(); }).on('error', () => {}).on('close', next);
  };
  for (let i = 0; i < 8; i++) next();`;

it('connections that pods have ended take no more than a quarter of the places', async () => {
  await using wire = await Wire.open('192.0.2.1/24');
  const { client: node, server: world } = wire;
  await connectPod(wire);
  await keepEnded(node, 10);
  await install('+net_admin', node, 1024);
  await expect.poll(() => ask(netns, '192.0.2.1', 80), { timeout: 10_000 }).toBe('192.0.2.2\n');
  await netns.exec(process.execPath, '-e', churn(3));
  const ended = await tracked(node);
  expect(ended).toBeGreaterThan(50);
  expect(ended).toBeLessThan(256);
  // A stream to which nobody replies is one connection, however many packets it has.
  await world.exec(
    'nft',
    'add table ip w; add chain ip w i { type filter hook input priority 0; }; add rule ip w i udp dport 999 counter drop',
  );
  await netns.exec(process.execPath, '-e', flood(['10.85.0.2'], 400).replace('1000 + i', '999'));
  expect(await world.exec('nft', 'list', 'table', 'ip', 'w')).toContain('packets 400');
}, 30_000);

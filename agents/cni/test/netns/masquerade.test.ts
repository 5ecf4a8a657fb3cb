import { mkdtemp, mkdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Netns, requireRoot, Wire } from '@kios/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';

const BUNDLE = path.join(import.meta.dirname, '../../dist/agent.cjs');
const RULE = 'ip saddr 10.85.0.0/16 ip daddr != 10.85.0.0/16 masquerade';

/** Sends each client its address. */
const SERVER = `require('node:net').createServer((socket) => socket.end(socket.remoteAddress)).listen(7000, '192.0.2.1')`;
const CLIENT = `require('node:net').connect(7000, '192.0.2.1').on('data', (data) => console.log(String(data)))`;

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

/** Runs the agent with the given capability alone, as the manifest gives it one. */
const install = (capability: string, where: Netns = netns): Promise<string> =>
  where.exec(
    'setpriv',
    `--bounding-set=-all,${capability}`,
    '--no-new-privs',
    process.execPath,
    BUNDLE,
    'install',
    `--source=${root}/src`,
    `--bin=${root}/bin`,
    `--net=${root}/net`,
  );

it('leaves one rule, even after two runs and over a foreign chain', async () => {
  await netns.exec('nft', 'add table ip kios-cni; add chain ip kios-cni other');
  expect(await install('+net_admin')).toContain('"ev":"masquerade"');
  const first = await netns.exec('nft', 'list', 'ruleset');
  expect(first).toContain(RULE);
  expect(first).toContain('type nat hook postrouting priority srcnat');
  expect(first).not.toContain('other');
  await install('+net_admin');
  expect(await netns.exec('nft', 'list', 'ruleset')).toBe(first);
});

it('installs the network without the capability, and warns with a code', async () => {
  const said = await install('-net_admin');
  expect(said).toContain('KIOS_CNI_MASQUERADE');
  expect(said).toContain('"ev":"network"');
});

it('a pod reaches the world under the address of the node', async () => {
  await using wire = await Wire.open('192.0.2.1/24');
  const node = wire.client;
  await node.exec('ip', 'address', 'add', '192.0.2.2/24', 'dev', 'eth0');
  await node.exec('ip', 'link', 'set', 'eth0', 'up');
  await node.exec('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward');
  await node.exec('ip', 'link', 'add', 'pod0', 'type', 'veth', 'peer', 'eth0', 'netns', netns.name);
  await node.exec('ip', 'address', 'add', '10.85.0.1/16', 'dev', 'pod0');
  await node.exec('ip', 'link', 'set', 'pod0', 'up');
  await netns.exec('ip', 'address', 'add', '10.85.0.2/16', 'dev', 'eth0');
  await netns.exec('ip', 'link', 'set', 'eth0', 'up');
  await netns.exec('ip', 'route', 'add', 'default', 'via', '10.85.0.1');
  await install('+net_admin', node);
  wire.server.start(process.execPath, ['-e', SERVER]);
  await expect
    .poll(() => netns.exec(process.execPath, '-e', CLIENT).catch(String), { timeout: 10_000 })
    .toBe('192.0.2.2\n');
}, 20_000);

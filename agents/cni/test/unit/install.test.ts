import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import type { PodsConfig } from '@kios/network-config';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { CONFLIST, formatConflist } from '../../src/core/network/conflist.ts';
import { LAN_CONFLIST } from '../../src/core/network/lan.ts';
import { podNetwork } from '../../src/core/network/pod-network.ts';
import {
  type Folders,
  installOwnPlugins,
  installNetwork,
  installPlugins,
} from '../../src/edge/network/install.ts';
import { readPods } from '../../src/edge/network/read-pods.ts';
import { install } from '../../src/verbs/install.ts';

let root = '';
let folders: Folders;
const console = { send: () => {}, close: () => Promise.resolve() };
let printed: string[] = [];
const log = createLogger('cni', { console, stdout: { write: (line) => printed.push(line) } });

// `readPods` loads it when it is needed, which takes seconds on a busy machine: more than a test may.
beforeAll(() => import('@kios/network-config'), 60_000);

beforeEach(async () => {
  printed = [];
  root = await mkdtemp(path.join(tmpdir(), 'kios-cni-'));
  folders = {
    source: `${root}/cni`,
    bin: `${root}/bin`,
    net: `${root}/net`,
    boot: `${root}/run/cni/net.d`,
  };
  for (const dir of [folders.source, folders.bin, folders.net]) mkdirSync(dir);
  writeFileSync(`${folders.source}/bridge`, 'bridge 1');
  writeFileSync(`${folders.source}/host-local`, 'host-local 1');
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

async function installAll(pods?: PodsConfig): Promise<void> {
  await installPlugins(folders, log);
  await installOwnPlugins(folders);
  await installNetwork(folders, podNetwork(true), pods, log);
}

const filesAt = (...files: readonly string[]) => ({
  files,
  judgement: `${root}/network.json`,
  bootId: 'this',
});

const readNetwork = (name: string): unknown =>
  JSON.parse(readFileSync(path.join(folders.net, name), 'utf8'));

const inode = (file: string): number => statSync(file).ino;

it('installs executable plugins and the network', async () => {
  await installAll();
  expect(readFileSync(`${folders.bin}/bridge`, 'utf8')).toBe('bridge 1');
  expect(statSync(`${folders.bin}/host-local`).mode & 0o777).toBe(0o755);
  expect(readNetwork(CONFLIST)).toMatchObject({
    name: 'kios-bridge',
    plugins: [{ type: 'bridge' }, {}],
  });
});

it.each([
  { ipv6: true, subnets: ['10.85.0.0/16', 'fd6b:696f:7300::/64'], routes: ['0.0.0.0/0', '::/0'] },
  { ipv6: false, subnets: ['10.85.0.0/16'], routes: ['0.0.0.0/0'] },
])('pods have an address of each family that the kernel has (IPv6: $ipv6)', (row) => {
  const network: unknown = JSON.parse(formatConflist(podNetwork(row.ipv6)));
  const ipam = {
    ranges: row.subnets.map((subnet) => [{ subnet }]),
    routes: row.routes.map((dst) => ({ dst })),
  };
  expect(network).toMatchObject({ plugins: [{ ipam }, {}] });
});

it('a second run changes nothing, and a new image replaces only files that differ', async () => {
  await installAll();
  const before = [inode(`${folders.bin}/bridge`), inode(`${folders.net}/${CONFLIST}`)];
  await installAll();
  expect([inode(`${folders.bin}/bridge`), inode(`${folders.net}/${CONFLIST}`)]).toEqual(before);
  writeFileSync(`${folders.source}/host-local`, 'host-local 2');
  await installAll();
  expect(readFileSync(`${folders.bin}/host-local`, 'utf8')).toBe('host-local 2');
  expect(inode(`${folders.bin}/bridge`)).toBe(before[0]);
});

it('puts pods on the segment while the network file says so, before the network of the node', async () => {
  const file = `${root}/network.yaml`;
  writeFileSync(
    file,
    'network: {version: 2, ethernets: {eth0: {}}, bridges: {br0: {interfaces: [eth0]}}}\npods: {lan: br0}\n',
  );
  const pods = await readPods(filesAt(`${root}/none.yaml`, file), log);
  await installAll(pods);
  expect(readdirSync(folders.net).toSorted()).toEqual([LAN_CONFLIST, CONFLIST]);
  const lan = { type: 'kios-lan', bridge: 'br0', serviceCIDRs: ['10.96.0.0/12'] };
  expect(readNetwork(LAN_CONFLIST)).toMatchObject({
    name: 'kios-lan',
    plugins: [lan, { type: 'portmap' }],
  });
  await installAll(await readPods(filesAt(`${root}/none.yaml`), log));
  expect(readdirSync(folders.net)).toEqual([CONFLIST]);
});

it('takes a network file with faults for one without pods', async () => {
  const file = `${root}/network.yaml`;
  writeFileSync(file, 'network: {version: 2}\npods: {lan: br0, lann: br0}\n');
  expect(await readPods(filesAt(file), log)).toBeUndefined();
  expect(printed.join('')).toContain('network.fault');
});

it("init is the plugin for pods on the segment and, in upstream's place, for ports of the host", async () => {
  writeFileSync(`${folders.bin}/portmap`, 'which starts iptables');
  await installAll();
  for (const name of ['kios-lan', 'portmap'])
    expect(readlinkSync(`${folders.bin}/${name}`)).toBe('/bin/init');
  await installAll();
  expect(readdirSync(folders.bin).toSorted()).toEqual([
    'bridge',
    'host-local',
    'kios-lan',
    'portmap',
  ]);
});

it('leads a port of the host to a pod on the segment, whose router is another machine and whose address of IPv6 is its own', async () => {
  await installAll({ lan: 'br0', services: [] });
  const capabilities = { portMappings: true };
  expect(readNetwork(LAN_CONFLIST)).toMatchObject({
    plugins: [{}, { type: 'portmap', capabilities, masqAll: true, slaac: true }],
  });
  expect(readNetwork(CONFLIST)).toMatchObject({ plugins: [{}, { type: 'portmap', capabilities }] });
});

it("keeps a cluster's own network and plugins, and sorts after them", async () => {
  writeFileSync(`${folders.net}/10-flannel.conflist`, '{}');
  writeFileSync(`${folders.bin}/flannel`, 'theirs');
  await installAll();
  expect(readdirSync(folders.net).toSorted()).toEqual(['10-flannel.conflist', CONFLIST]);
  expect(readFileSync(`${folders.bin}/flannel`, 'utf8')).toBe('theirs');
});

it('leaves no network for pods that start after a boot, before its rules are set', async () => {
  await installAll();
  rmSync(`${root}/run`, { recursive: true }); // as a boot does
  expect(lstatSync(path.join(folders.net, CONFLIST)).isSymbolicLink()).toBe(true);
  expect(() => readFileSync(path.join(folders.net, CONFLIST))).toThrow('ENOENT');
  await installAll();
  expect(readFileSync(path.join(folders.net, CONFLIST), 'utf8')).toContain('kios-bridge');
});

it('replaces the file that an older image left by the link', async () => {
  writeFileSync(path.join(folders.net, CONFLIST), '{}');
  await installAll();
  expect(lstatSync(path.join(folders.net, CONFLIST)).isSymbolicLink()).toBe(true);
});

it('fails for an image without plugins, and installs no network', async () => {
  await rm(folders.source, { recursive: true });
  await expect(installAll()).rejects.toMatchObject({ code: 'KIOS_CNI_PLUGINS' });
  expect(readdirSync(folders.net)).toEqual([]);
});

it('a dry run prints the plan and changes nothing', async () => {
  const args = {
    ...folders,
    network: [],
    judgement: '',
    check: false,
    dryRun: true,
    _: [],
    $0: 'cni',
  };
  await install.run(args, { log, signal: new AbortController().signal });
  expect(printed.join('')).toContain('"plugins":["bridge","host-local"]');
  expect([...readdirSync(folders.bin), ...readdirSync(folders.net)]).toEqual([]);
});

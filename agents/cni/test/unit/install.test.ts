import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { CONFLIST } from '../../src/core/network/conflist.ts';
import { type Folders, installNetwork, installPlugins } from '../../src/edge/network/install.ts';
import { install } from '../../src/verbs/install.ts';

let root = '';
let folders: Folders;
const console = { send: () => {}, close: () => Promise.resolve() };
let printed: string[] = [];
const log = createLogger('cni', { console, stdout: { write: (line) => printed.push(line) } });

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

async function installAll(): Promise<void> {
  await installPlugins(folders, log);
  await installNetwork(folders, log);
}

const inode = (file: string): number => statSync(file).ino;

it('installs executable plugins and the network', async () => {
  await installAll();
  expect(readFileSync(`${folders.bin}/bridge`, 'utf8')).toBe('bridge 1');
  expect(statSync(`${folders.bin}/host-local`).mode & 0o777).toBe(0o755);
  const network: unknown = JSON.parse(readFileSync(path.join(folders.net, CONFLIST), 'utf8'));
  expect(network).toMatchObject({ name: 'kios-bridge', plugins: [{ type: 'bridge' }, {}] });
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
  const args = { ...folders, check: false, dryRun: true, _: [], $0: 'cni' };
  await install.run(args, { log, signal: new AbortController().signal });
  expect(printed.join('')).toContain('"plugins":["bridge","host-local"]');
  expect([...readdirSync(folders.bin), ...readdirSync(folders.net)]).toEqual([]);
});

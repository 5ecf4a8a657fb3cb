import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { afterEach, beforeEach, expect, it } from 'vitest';

import { CONFLIST } from '../../src/core/network/conflist.ts';
import { type Folders, installNetwork } from '../../src/edge/network/install.ts';
import { install } from '../../src/verbs/install.ts';

let root = '';
let folders: Folders;
const console = { send: () => {}, close: () => Promise.resolve() };
let printed: string[] = [];
const log = createLogger('cni', { console, stdout: { write: (line) => printed.push(line) } });

beforeEach(async () => {
  printed = [];
  root = await mkdtemp(path.join(tmpdir(), 'kios-cni-'));
  folders = { source: `${root}/cni`, bin: `${root}/bin`, net: `${root}/net` };
  for (const dir of [folders.source, folders.bin, folders.net]) mkdirSync(dir);
  writeFileSync(`${folders.source}/bridge`, 'bridge 1');
  writeFileSync(`${folders.source}/host-local`, 'host-local 1');
});

afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

const inode = (file: string): number => statSync(file).ino;

it('installs executable plugins and the network', async () => {
  await installNetwork(folders, log);
  expect(readFileSync(`${folders.bin}/bridge`, 'utf8')).toBe('bridge 1');
  expect(statSync(`${folders.bin}/host-local`).mode & 0o777).toBe(0o755);
  const network: unknown = JSON.parse(readFileSync(path.join(folders.net, CONFLIST), 'utf8'));
  expect(network).toMatchObject({ name: 'kios-bridge', plugins: [{ type: 'bridge' }, {}] });
});

it('a second run changes nothing, and a new image replaces only files that differ', async () => {
  await installNetwork(folders, log);
  const before = [inode(`${folders.bin}/bridge`), inode(`${folders.net}/${CONFLIST}`)];
  await installNetwork(folders, log);
  expect([inode(`${folders.bin}/bridge`), inode(`${folders.net}/${CONFLIST}`)]).toEqual(before);
  writeFileSync(`${folders.source}/host-local`, 'host-local 2');
  await installNetwork(folders, log);
  expect(readFileSync(`${folders.bin}/host-local`, 'utf8')).toBe('host-local 2');
  expect(inode(`${folders.bin}/bridge`)).toBe(before[0]);
});

it("keeps a cluster's own network and plugins, and sorts after them", async () => {
  writeFileSync(`${folders.net}/10-flannel.conflist`, '{}');
  writeFileSync(`${folders.bin}/flannel`, 'theirs');
  await installNetwork(folders, log);
  expect(readdirSync(folders.net).toSorted()).toEqual(['10-flannel.conflist', CONFLIST]);
  expect(readFileSync(`${folders.bin}/flannel`, 'utf8')).toBe('theirs');
});

it('fails for an image without plugins, and installs no network', async () => {
  await rm(folders.source, { recursive: true });
  await expect(installNetwork(folders, log)).rejects.toMatchObject({ code: 'KIOS_CNI_PLUGINS' });
  expect(readdirSync(folders.net)).toEqual([]);
});

it('a dry run prints the plan and changes nothing', async () => {
  const args = { ...folders, check: false, dryRun: true, _: [], $0: 'cni' };
  await install.run(args, { log, signal: new AbortController().signal });
  expect(printed.join('')).toContain('"plugins":["bridge","host-local"]');
  expect([...readdirSync(folders.bin), ...readdirSync(folders.net)]).toEqual([]);
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { afterEach, beforeEach, expect, it } from 'vitest';

import {
  networkFiles,
  NetworkReader,
  readNetworkText,
} from '../../../src/edge/network/network-file.ts';
import { readHere } from '../../../src/edge/network/read-network.ts';

let folder: string;
let files: readonly string[];

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-network-file-'));
  const [hostFile, network] = ['host/host.json', 'etc/network.yaml'].map((name) =>
    path.join(folder, name),
  );
  files = networkFiles({ hostFile: hostFile ?? '', network: network ?? '' });
  for (const name of ['host', 'etc']) await mkdir(path.join(folder, name));
});
afterEach(() => rm(folder, { recursive: true }));

const write = (name: string, text: string): Promise<void> =>
  writeFile(path.join(folder, name), text);

it.each([
  ['boot', 'kios/network.yaml'],
  ['nocloud', 'network-config of NoCloud'],
  ['config-2', 'network_data.json of the config drive'],
])(
  'the file that init took from %s has precedence and the name that people know',
  async (source, name) => {
    await write('etc/network.yaml', 'e');
    expect(await readNetworkText(files)).toEqual({ file: files[1], text: 'e' });
    await write('host/network.json', `{"v":1,"source":"${source}"}\n`);
    await write('host/network.yaml', 'h');
    expect(await readNetworkText(files)).toEqual({ file: name, text: 'h' });
  },
);

it.each(['', '{', '{"v":1,"source":"moon"}', '{"v":2,"source":"boot"}'])(
  'without a usable word of init, %j, the file has its path',
  async (text) => {
    await write('host/network.yaml', 'h');
    await write('host/network.json', text);
    expect(await readNetworkText(files)).toEqual({ file: files[0], text: 'h' });
  },
);

it('a text is read once, and its faults are told once', async () => {
  const lines: string[] = [];
  const stdout = { write: (line: string) => lines.push(line) };
  const reader = new NetworkReader(readHere, createLogger('dhcp', { stdout }));
  const faulty = 'network: {version: 2, ethernets: {eth0: {dhpc4: true}}}';
  const reading = await reader.read(faulty, 'network.yaml');
  expect(await reader.read(faulty, 'network.json')).toBe(reading);
  expect(lines).toHaveLength(1);
  expect(lines[0]).toContain('Did you mean dhcp4?');
});

it('no file is none', async () => expect(await readNetworkText(files)).toBeUndefined());

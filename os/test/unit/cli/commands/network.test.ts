import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT } from '@kios/errors';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const main = path.resolve(import.meta.dirname, '../../../../src/main.ts');
const GOOD = 'network: {version: 2, ethernets: {eth0: {dhcp4: yes}}}\n';
const BAD = 'network:\n  version: 2\n  ethernets:\n    eth0: {dhpc4: true}\n    eth1: {mtu: 9k}\n';
let folder: string;

const kios = (args: readonly string[], input?: string) =>
  execa(process.execPath, [main, 'network', ...args], {
    cwd: folder,
    reject: false,
    env: { KIOS_STATE_DIR: folder, KIOS_NO_INSTALL: '1', KIOS_DEBUG: undefined },
    ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
  });

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-cli-network-'));
  await writeFile(path.join(folder, 'good.yaml'), GOOD);
  await writeFile(path.join(folder, 'bad.yaml'), BAD);
});

afterAll(() => rm(folder, { recursive: true }));

describe('network check', () => {
  it('takes a file without faults', async () => {
    const { stdout, stderr, exitCode } = await kios(['check', 'good.yaml']);
    expect(stdout).toBe('good.yaml: netplan, 1 link, no fault');
    expect(stderr).toBe('');
    expect(exitCode).toBe(EXIT.ok);
  });

  it('names links that only one of several cards can be', async () => {
    const { stdout, exitCode } = await kios(['check', '-'], GOOD.replace('eth0: {dhcp4: yes}', 'lan: {match: {driver: igb}, addresses: [192.0.2.1/24]}')); // prettier-ignore
    expect(stdout.split('\n')).toEqual([
      '(stdin): note: network.ethernets.lan: may match several cards, of which only one can have its addresses',
      '(stdin): netplan, 1 link, no fault',
    ]);
    expect(exitCode).toBe(EXIT.ok);
  });

  it('prints every fault with its line and ends with 65', async () => {
    const { stdout, stderr, exitCode } = await kios(['check', 'bad.yaml']);
    expect(stdout.split('\n')).toEqual([
      'bad.yaml:4: network.ethernets.eth0.dhpc4: is not a known key, did you mean dhcp4?',
      'bad.yaml:5: network.ethernets.eth1.mtu: is not a whole number, write a whole number from 68 to 65535',
    ]);
    expect(stderr).toMatch(/^kios: cannot use bad\.yaml: it has 2 faults \[KIOS_NETWORK_FILE\]\n/);
    expect(exitCode).toBe(EXIT.data);
  });

  it('prints JSON for programs, with the same exit code', async () => {
    const { stdout, exitCode } = await kios(['check', '--json', '-'], BAD);
    expect(JSON.parse(stdout)).toMatchObject({
      file: '(stdin)',
      ok: false,
      faults: [{ line: 4, path: 'network.ethernets.eth0.dhpc4' }, { line: 5 }],
    });
    expect(exitCode).toBe(EXIT.data);
    const good = await kios(['check', '--json', 'good.yaml']);
    expect(JSON.parse(good.stdout)).toEqual({
      file: 'good.yaml',
      ok: true,
      format: 'netplan',
      faults: [],
      notes: [],
    });
  });
});

it.each(['check', 'render'])(
  'network %s of an empty name does not wait for input',
  async (verb) => {
    const { stderr, exitCode } = await kios([verb, ''], GOOD);
    expect(stderr).toMatch(/^kios: cannot read the command line: file is empty/);
    expect(exitCode).toBe(EXIT.usage);
  },
);

describe('network render', () => {
  it('prints netplan, which it prints again unchanged', async () => {
    const { stdout, exitCode } = await kios(['render', '-'], GOOD);
    expect(stdout).toBe('network:\n  version: 2\n  ethernets:\n    eth0:\n      dhcp4: true');
    expect(exitCode).toBe(EXIT.ok);
    expect((await kios(['render', '-'], stdout)).stdout).toBe(stdout);
  });

  it('prints nothing but faults, and those not to standard output', async () => {
    const { stdout, stderr, exitCode } = await kios(['render', 'bad.yaml']);
    expect(stdout).toBe('');
    expect(stderr).toContain('bad.yaml:4: network.ethernets.eth0.dhpc4');
    expect(exitCode).toBe(EXIT.data);
  });
});

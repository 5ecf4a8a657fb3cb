import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { prepare } from '../../../src/edge/chronyd/config-files.ts';
import { readConfig, readInputs } from '../../../src/edge/sources/inputs.ts';

const COMMON = { v: 1, mac: '52:54:00:12:34:56', bootId: 'b' };
const WALL = '2026-11-22T00:00:00.000Z';

const lease = (link: string, ntp: readonly string[]): string =>
  JSON.stringify({
    ...COMMON,
    if: link,
    state: 'bound',
    acquired: { boot: 4.2, wall: WALL },
    address: '10.0.2.15/24',
    lease: 86_400,
    t1: 43_200,
    t2: 75_600,
    ntp,
  });

const lease6 = (link: string, ntp: readonly string[]): string =>
  JSON.stringify({
    ...COMMON,
    if: link,
    state: 'informed',
    written: { boot: 4.2, wall: WALL },
    ntp,
  });

describe('the time servers of the network', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'kios-inputs-'));
    await mkdir(path.join(folder, 'net/v6'), { recursive: true });
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('are those of both families, IPv4 first', async () => {
    const net = path.join(folder, 'net');
    await writeFile(path.join(net, 'eth0.json'), lease('eth0', ['10.0.0.1']));
    await writeFile(path.join(net, 'v6/eth0.json'), lease6('eth0', ['2001:db8::1']));
    await writeFile(path.join(net, 'v6/eth1.json'), lease6('eth1', ['2001:db8::2']));
    await writeFile(path.join(net, 'v6/eth2.json'), '{');
    const layout = { dir: folder, socket: path.join(folder, 'socket/chronyd.sock') };
    await prepare(layout);
    const config = path.join(folder, 'none.yaml');
    const none = path.join(folder, 'none');
    const args = {
      config,
      netDir: net,
      platformDir: none,
      operatorDir: folder,
      allowPublicPool: 'auto' as const,
      ptpClass: none,
      ptpDevices: none,
    };
    const { leases, errors } = await readInputs(args, layout);
    expect(leases).toEqual([
      { link: 'eth0', ntp: ['10.0.0.1', '2001:db8::1'] },
      { link: 'eth1', ntp: ['2001:db8::2'] },
    ]);
    expect(errors).toHaveLength(1);
  });
});

describe('time.yaml', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'kios-inputs-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const read = async (yaml: string) => {
    const config = path.join(folder, 'time.yaml');
    await writeFile(config, yaml);
    return readConfig({ config, operatorDir: folder });
  };

  it('loses a faulty line of extra alone', async () => {
    const { extra, faults } = await read('extra: |\n  minsources 2\n  allow all\n  logchange 1\n');
    expect(extra).toEqual(['minsources 2', 'logchange 1']);
    const why = 'allow is not a directive that may be given';
    expect(faults).toMatchObject([{ path: 'extra.1', why }]);
  });

  it.each([
    '/etc/shadow',
    '..',
    '/etc/kios/time/../../shadow',
    '',
    `FOLDER${'/'.repeat(2100)}keys`,
  ])('loses keys that are at %j alone', async (given) => {
    const at = given.replace('FOLDER', folder);
    const { settings, faults } = await read(
      `keys: { path: "${at}" }\npools: [192.0.2.1]\nextra: minsources 2\n`,
    );
    expect(settings.keys).toBeUndefined();
    expect(settings.pools).toEqual(['192.0.2.1']);
    expect(faults).toMatchObject([{ path: 'keys.path' }]);
  });

  it('may name keys in its folder', async () => {
    const { settings, faults } = await read(`keys: { path: ${folder}/keys }\n`);
    expect(settings.keys).toEqual({ path: `${folder}/keys` });
    expect(faults).toEqual([]);
  });

  it('has a line change with the content of the file that it names, which may come later', async () => {
    const authority = path.join(folder, 'ca.pem');
    const linesWith = async (content: string | undefined): Promise<readonly string[]> => {
      if (content !== undefined) await writeFile(authority, content);
      const config = path.join(folder, 'time.yaml');
      await writeFile(config, `extra: |\n  ntstrustedcerts ${authority}\n  minsources 2\n`);
      const none = path.join(folder, 'none');
      const layout = { dir: folder, socket: path.join(folder, 'socket/chronyd.sock') };
      await prepare(layout);
      const { extra } = await readInputs(
        {
          config,
          netDir: none,
          platformDir: none,
          operatorDir: folder,
          allowPublicPool: 'auto',
          ptpClass: none,
          ptpDevices: none,
        },
        layout,
      );
      return extra;
    };
    const seen = [await linesWith(undefined), await linesWith('one'), await linesWith('two')];
    for (const lines of seen)
      expect(lines).toEqual([
        expect.stringMatching(/^# /),
        `ntstrustedcerts ${authority}`,
        'minsources 2',
      ]);
    expect(new Set(seen.map(([mark]) => mark)).size).toBe(3);
    expect(seen.flat().join()).not.toContain('one');
  });
});

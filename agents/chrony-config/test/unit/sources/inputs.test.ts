import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { prepare } from '../../../src/edge/chronyd/config-files.ts';
import { readInputs } from '../../../src/edge/sources/inputs.ts';

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

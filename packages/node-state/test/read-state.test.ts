import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import {
  formatState,
  isSane,
  readLeases,
  readLeases6,
  readState,
  readStateIfThere,
  TimeState,
} from '../src/index.ts';

const lease = (link: string): object => ({
  v: 1,
  if: link,
  mac: '52:54:00:12:34:56',
  state: 'bound',
  bootId: 'b',
  acquired: { boot: 4.2, wall: '2026-11-22T00:00:00.000Z' },
  address: '10.0.2.15/24',
  lease: 86_400,
  t1: 43_200,
  t2: 75_600,
  ntp: ['10.0.2.2'],
  addedLater: true,
});

describe('state files', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'kios-state-'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('reads what it formatted', async () => {
    const since = '2026-11-22T00:00:00.000Z';
    const state: TimeState = { v: 1, sane: true, synced: false, since, epoch: 2 };
    await writeFile(path.join(dir, 'state.json'), formatState(TimeState, state));
    expect(await readState(TimeState, path.join(dir, 'state.json'))).toEqual(state);
  });

  it('of a clock that was never set far away have the first epoch', async () => {
    await writeFile(path.join(dir, 'state.json'), '{"v":1,"sane":true,"synced":true,"since":""}');
    expect(await readState(TimeState, path.join(dir, 'state.json'))).toMatchObject({ epoch: 0 });
  });

  it('distinguishes a missing file from a broken one', async () => {
    const file = path.join(dir, 'state.json');
    expect(await readStateIfThere(TimeState, file)).toBeUndefined();
    await expect(readState(TimeState, file)).rejects.toThrow('does not exist yet');
    await writeFile(file, '{"v":1,"sane":tr');
    await expect(readStateIfThere(TimeState, file)).rejects.toMatchObject({ code: 'KIOS_STATE' });
    await writeFile(file, '{"v":2,"sane":true,"synced":true,"since":""}');
    await expect(readState(TimeState, file)).rejects.toThrow(/state\.json: v:/);
  });

  it('reads every good lease beside an incomplete one, ordered by link', async () => {
    await writeFile(path.join(dir, 'eth1.json'), JSON.stringify(lease('eth1')));
    await writeFile(path.join(dir, 'eth0.json'), JSON.stringify(lease('eth0')));
    await writeFile(path.join(dir, 'eth2.json'), '{');
    await writeFile(path.join(dir, '.eth3.json.0123456789ab.tmp'), '{');
    await writeFile(path.join(dir, 'resolv.conf'), '');
    const { leases, errors } = await readLeases(dir);
    expect(leases.map((each) => each.if)).toEqual(['eth0', 'eth1']);
    expect(leases[0]).toMatchObject({ ntp: ['10.0.2.2'], dns: [], routes: [] });
    expect(errors).toHaveLength(1);
  });

  it('reads leases of IPv6 beside them, which are none of IPv4', async () => {
    await mkdir(path.join(dir, 'v6'));
    await writeFile(path.join(dir, 'eth0.json'), JSON.stringify(lease('eth0')));
    const { mac, bootId } = { mac: '52:54:00:12:34:56', bootId: 'b' };
    const written = { boot: 4.2, wall: '2026-11-22T00:00:00.000Z' };
    const lease6 = {
      v: 1,
      if: 'eth1',
      mac,
      bootId,
      state: 'informed',
      written,
      ntp: ['2001:db8::7'],
    };
    await writeFile(path.join(dir, 'v6/eth1.json'), JSON.stringify(lease6));
    expect((await readLeases(dir)).leases.map((each) => each.if)).toEqual(['eth0']);
    const { leases, errors } = await readLeases6(dir);
    expect(leases).toMatchObject([{ if: 'eth1', ntp: ['2001:db8::7'], addresses: [], t1: null }]);
    expect(errors).toEqual([]);
    expect(await readLeases6(path.join(dir, 'none'))).toEqual({ leases: [], errors: [] });
  });

  it('returns no lease for a missing folder', async () => {
    expect(await readLeases(path.join(dir, 'none'))).toEqual({ leases: [], errors: [] });
  });
});

describe('isSane', () => {
  const floor = Date.parse('2026-11-01T00:00:00Z');
  it.each([
    ['the day it was built', floor, true],
    ['a year later', floor + 365 * 864e5, true],
    ['before it was built', floor - 1, false],
    ['the epoch', 0, false],
    ['the year 2200', Date.parse('2200-01-01T00:00:00Z'), false],
  ])('on %s', (_, now, sane) => expect(isSane(now, floor)).toBe(sane));
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { formatState, Lease6 } from '@kios/node-state';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { toRecord6 } from '../../../src/core/v6/lease/record.ts';
import { readClocks } from '../../../src/edge/kernel/clock.ts';
import { LeaseFiles } from '../../../src/edge/lease/lease-files.ts';
import { LeaseFiles6 } from '../../../src/edge/v6/lease-files6.ts';

const log = createLogger('dhcp', {
  console: { send: () => undefined, close: () => Promise.resolve() },
  stdout: { write: () => undefined },
});
const CARDS = { eth0: '02:00:00:00:00:0a', eth1: '02:00:00:00:00:0b' } as const;

let folder = '';
let files: LeaseFiles;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-files6-'));
  const folders = { run: path.join(folder, 'run'), state: path.join(folder, 'state') };
  await mkdir(path.join(folders.state, 'v6'), { recursive: true });
  for (const [link, mac] of Object.entries(CARDS)) {
    const address = `2001:db8::${mac.slice(-1)}`;
    const lease = {
      server: '0003000102000000fffe',
      addresses: [{ address, preferredUntil: Infinity, validUntil: Infinity }],
      t1At: Infinity,
      t2At: Infinity,
      config: { dns: [], search: [], ntp: [] },
    };
    const where = { link, mac, bootId: 'before', clocks: readClocks() };
    const text = formatState(Lease6, toRecord6(lease, lease.config, where));
    await writeFile(path.join(folders.state, 'v6', `${link}.json`), text);
  }
  await writeFile(path.join(folders.state, 'v6', 'duid.json'), '{"v":1,"duid":"000300010200"}');
  files = await LeaseFiles.open(folders, 'now', log);
});

afterEach(() => rm(folder, { recursive: true }));

const addressOf = async (
  name: string,
  mac: string,
  others: readonly string[] = [],
): Promise<string | undefined> =>
  (await new LeaseFiles6({ name, mac }, files, log).read(others))?.addresses[0]?.address;

describe('the last lease of DHCPv6', () => {
  it('is found under the name that the card had', async () => {
    expect(await addressOf('eth0', CARDS.eth0)).toBe('2001:db8::a');
    expect(await addressOf('eth1', CARDS.eth1)).toBe('2001:db8::b');
  });

  it('is found when cards change their names among each other, whoever looks first', async () => {
    expect(await addressOf('eth0', CARDS.eth1)).toBe('2001:db8::b');
    expect(await addressOf('eth1', CARDS.eth0)).toBe('2001:db8::a');
  });

  it('of a card is none of the VLAN on it, which has its hardware address', async () => {
    expect(await addressOf('eth0.5', CARDS.eth0, ['eth0'])).toBeUndefined();
  });

  it('is found under a new name, and none is for a new card', async () => {
    expect(await addressOf('enp1s0', CARDS.eth0)).toBe('2001:db8::a');
    expect(await addressOf('eth2', '02:00:00:00:00:0c')).toBeUndefined();
  });
});

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { createLogger } from '@kios/agent';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { UNKNOWN_NETWORK } from '../../src/core/client/model.ts';
import { toRecord } from '../../src/core/client/record.ts';
import { type Lease, readLease } from '../../src/core/lease/lease.ts';
import { TYPE } from '../../src/core/wire/options.ts';
import { readClocks } from '../../src/edge/kernel/clock.ts';
import { LeaseFiles } from '../../src/edge/lease/lease-files.ts';
import { GRANT, message, SERVER } from '../support/fixtures.ts';

const FIRST = { link: 'eth0', mac: '02:00:00:00:00:10', address: '10.0.0.10' } as const;
const SECOND = { link: 'eth1', mac: '02:00:00:00:00:11', address: '10.0.0.11' } as const;
const LOG = createLogger('dhcp', { stdout: { write: () => true } });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-lease-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

const open = (bootId: string): Promise<LeaseFiles> => {
  const folders = { run: path.join(folder, 'run'), state: path.join(folder, 'state') };
  return LeaseFiles.open(folders, bootId, LOG);
};

function leaseOf(address: string): Lease {
  const granted = readLease(message(TYPE.ack, GRANT, { yiaddr: address }), SERVER, 60);
  if ('refused' in granted) throw new Error(granted.refused);
  return granted.lease;
}

async function publish(files: LeaseFiles, { link, mac, address }: typeof FIRST | typeof SECOND) {
  const held = { lease: leaseOf(address), since: 0, degradeLevel: 0 } as const;
  const where = { link, mac, bootId: files.bootId, checked: true, mtuOnRoutes: false };
  await files.publishLease(toRecord(held, UNKNOWN_NETWORK, { ...where, clocks: readClocks() }));
}

const last = async (files: LeaseFiles, link: string, mac: string): Promise<string | undefined> =>
  (await files.readLast(link, mac))?.held.lease.address;

const resolvConf = (): Promise<string> =>
  readFile(path.join(folder, 'run/resolv.conf'), 'utf8').catch(() => '');

describe('the last lease of a card', () => {
  it('is known by its name', async () => {
    await publish(await open('1'), FIRST);
    expect(await last(await open('2'), FIRST.link, FIRST.mac)).toBe(FIRST.address);
  });

  it('is found when cards have changed places', async () => {
    const before = await open('1');
    await publish(before, FIRST);
    await publish(before, SECOND);
    const after = await open('2');
    const found = [
      last(after, SECOND.link, FIRST.mac),
      last(after, FIRST.link, SECOND.mac),
    ] as const;
    expect(await Promise.all(found)).toEqual([FIRST.address, SECOND.address]);
    expect(await readdir(path.join(folder, 'state'))).toEqual(['eth0.json.bad', 'eth1.json.bad']);
  });

  it('is found beside damaged files and those of other programs', async () => {
    const files = await open('1');
    await publish(files, FIRST);
    await writeFile(path.join(folder, 'state', 'a.json'), '{');
    await writeFile(path.join(folder, 'state', 'b.json'), '{"v":1}');
    expect(await last(files, 'eth9', FIRST.mac)).toBe(FIRST.address);
    expect(await last(files, 'eth9', SECOND.mac)).toBeUndefined();
  });
});

describe('name servers of a lease that is taken over', () => {
  const OTHER = { link: 'eth9', metric: 200, dns: ['192.0.2.9'], search: [] } as const;
  const lease: Lease = { ...leaseOf(FIRST.address), dns: ['192.0.2.1'] };

  it('wait for those of other links when the process starts', async () => {
    const files = await open('1');
    await files.adopt(FIRST.link, 100, lease);
    expect(await resolvConf()).toBe('');
  });

  it('are written at once where the process left them out before', async () => {
    const files = await open('1');
    await files.dropResolver(FIRST.link);
    await files.publishOf('file', OTHER);
    expect(await resolvConf()).not.toContain('192.0.2.1\n');
    await files.adopt(FIRST.link, 100, lease);
    expect(await resolvConf()).toMatch(/192\.0\.2\.1\n[^]*192\.0\.2\.9/);
  });
});

describe('name servers that settings leave out', () => {
  const lease = {
    ...leaseOf(FIRST.address),
    dns: ['192.0.2.1', '192.0.2.2'],
    search: ['a.example'],
  };
  const NONE = '# kios-dhcp\n';

  it('go with the only source, and come back with it', async () => {
    const files = await open('1');
    await files.publishResolver('eth0', 100, lease);
    const before = await resolvConf();
    await files.leaveOut('eth0', 'dhcp', lease.dns);
    expect(await resolvConf()).toBe(NONE);
    await files.publishResolver('eth0', 100, lease);
    expect(await resolvConf()).toBe(before);
  });

  it.each(['dhcp6', 'routers', 'file'] as const)('go from the source %s too', async (source) => {
    const files = await open('1');
    await files.publishOf(source, { link: 'eth0', metric: 100, dns: ['2001:db8::53'], search: [] });
    await files.leaveOut('eth0', source);
    expect(await resolvConf()).toBe(NONE);
  });

  it('leave those of other sources', async () => {
    const files = await open('1');
    await files.publishResolver('eth0', 100, lease);
    await files.publishOf('routers', {
      link: 'eth0',
      metric: 100,
      dns: ['2001:db8::53'],
      search: [],
    });
    await files.leaveOut('eth0', 'dhcp', lease.dns);
    expect(await resolvConf()).toMatch(/^nameserver 2001:db8::53$/m);
    expect(await resolvConf()).not.toContain('192.0.2.');
  });

  it('go when an earlier instance wrote them, and those of links that are not known yet stay', async () => {
    const earlier = await open('1');
    await earlier.publishResolver('eth0', 100, lease);
    const alone = await open('1');
    await alone.leaveOut('eth0', 'dhcp', lease.dns);
    expect(await resolvConf()).toBe(NONE);
    await earlier.publishResolver('eth1', 110, { ...lease, dns: ['192.0.2.1', '192.0.2.9'] });
    const beside = await open('1');
    await beside.leaveOut('eth0', 'dhcp', ['192.0.2.2']);
    expect((await resolvConf()).match(/^nameserver .*$/gm)).toEqual([
      'nameserver 192.0.2.1',
      'nameserver 192.0.2.9',
    ]);
  });

  it('of a lease that is over go when the next one is not to be used', async () => {
    const files = await open('1');
    await files.publishResolver('eth0', 100, lease);
    await files.withdraw('eth0');
    expect(await resolvConf()).toContain('192.0.2.1');
    await files.leaveOut('eth0', 'dhcp', ['192.0.2.77']);
    expect(await resolvConf()).toBe(NONE);
  });

  it('write nothing where there was nothing', async () => {
    await (await open('1')).leaveOut('eth0', 'dhcp', lease.dns);
    expect(await resolvConf()).toBe('');
  });
});

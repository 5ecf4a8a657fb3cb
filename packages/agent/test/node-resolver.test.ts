import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { lookupOnNode, resolveOnNode } from '../src/index.ts';

const dns = vi.hoisted(() => ({
  servers: [] as readonly string[],
  resolve4: vi.fn<(name: string) => Promise<string[]>>(),
  resolve6: vi.fn<(name: string) => Promise<string[]>>(),
  lookup: vi.fn<(name: string) => Promise<{ address: string }>>(),
}));
vi.mock('node:dns/promises', () => ({
  lookup: dns.lookup,
  Resolver: class {
    setServers = (servers: readonly string[]): void => {
      dns.servers = servers;
    };
    resolve4 = dns.resolve4;
    resolve6 = dns.resolve6;
  },
}));

let dir: string;
let resolvConf: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-resolve-'));
  resolvConf = path.join(dir, 'resolv.conf');
  await writeFile(
    resolvConf,
    '# kios-dhcp eth0\nnameserver 192.0.2.53\nnameserver\t2001:db8::53\nnameserver x\nsearch a\n',
  );
  dns.servers = [];
  dns.resolve4.mockResolvedValue(['192.0.2.1', '192.0.2.2']);
  dns.resolve6.mockResolvedValue(['2001:db8::1']);
  dns.lookup.mockResolvedValue({ address: '192.0.2.9' });
});
afterEach(async () => {
  vi.clearAllMocks();
  await rm(dir, { recursive: true });
});

const unknown = (): Promise<never> => Promise.reject(new Error('queryA ENOTFOUND'));

describe('resolveOnNode', () => {
  it('asks the name servers of the file and returns the addresses of both families', async () => {
    expect(await resolveOnNode('a.example', resolvConf)).toEqual({
      ipv4: ['192.0.2.1', '192.0.2.2'],
      ipv6: ['2001:db8::1'],
    });
    expect(dns.servers).toEqual(['192.0.2.53', '2001:db8::53']);
  });

  it('returns one family when the other has no address', async () => {
    dns.resolve4.mockImplementation(unknown);
    expect(await resolveOnNode('a', resolvConf)).toEqual({ ipv4: [], ipv6: ['2001:db8::1'] });
  });

  it.each(['none', '.'])('returns no address when resolv.conf is %j', async (file) => {
    const none = { ipv4: [], ipv6: [] };
    expect(await resolveOnNode('a', path.join(dir, file))).toEqual(none);
  });

  it('returns no address when resolv.conf names no server', async () => {
    await writeFile(resolvConf, 'search a\n');
    expect(await resolveOnNode('a', resolvConf)).toEqual({ ipv4: [], ipv6: [] });
  });
});

describe('lookupOnNode', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['[2001:db8::7]', '2001:db8::7'],
  ])('returns the address %s without asking anybody', async (host, address) => {
    expect(await lookupOnNode(host, path.join(dir, 'none'))).toBe(address);
  });

  it('returns the address that arrives first', async () => {
    const never = Promise.withResolvers<string[]>();
    dns.resolve4.mockReturnValue(never.promise);
    expect(await lookupOnNode('a.example', resolvConf)).toBe('2001:db8::1');
  });

  it('asks the resolver of the pod when the name servers do not know the name', async () => {
    dns.resolve4.mockImplementation(unknown);
    dns.resolve6.mockImplementation(unknown);
    expect(await lookupOnNode('a.example', resolvConf)).toBe('192.0.2.9');
  });

  it('asks the resolver of the pod when there is no resolv.conf', async () => {
    expect(await lookupOnNode('a.example', path.join(dir, 'none'))).toBe('192.0.2.9');
    expect(dns.resolve4).not.toHaveBeenCalled();
  });

  it('fails when nobody knows the name', async () => {
    dns.lookup.mockImplementation(unknown);
    await expect(lookupOnNode('a', path.join(dir, 'none'))).rejects.toThrow('ENOTFOUND');
  });
});

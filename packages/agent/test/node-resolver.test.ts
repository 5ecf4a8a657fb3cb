import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { addressesOnNode, resolveOnNode, tryAddresses } from '../src/index.ts';

const dns = vi.hoisted(() => ({
  servers: [] as readonly string[],
  /** Open stand-ins. */
  standing: 0,
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

vi.mock('../src/name-server-stand-in.ts', () => ({
  openStandIn: async (server: string) => {
    if (!server.endsWith('%eth0')) throw new Error('no such link');
    dns.standing += 1;
    return {
      address: '127.0.0.1:5300',
      [Symbol.dispose]: () => {
        dns.standing -= 1;
      },
    };
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

  it('asks a server with a zone through a stand-in, and leaves out one whose link is not there', async () => {
    await writeFile(resolvConf, 'nameserver fe80::1%eth0\nnameserver fe80::1%eth9\n');
    const inUse = dns.resolve6.mockImplementation(async () => [`${dns.standing} open`]);
    expect((await resolveOnNode('a.example', resolvConf)).ipv6).toEqual(['1 open']);
    expect(inUse).toHaveBeenCalled();
    expect(dns.servers).toEqual(['127.0.0.1:5300']);
    expect(dns.standing).toBe(0);
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

/** Returns the first `count` addresses. */
async function addressesOf(host: string, file = resolvConf, count = 9): Promise<string[]> {
  const found: string[] = [];
  for await (const address of addressesOnNode(host, file)) {
    if (found.push(address) === count) break;
  }
  return found;
}

describe('addressesOnNode', () => {
  it.each([
    ['192.0.2.7', '192.0.2.7'],
    ['[2001:db8::7]', '2001:db8::7'],
  ])('yields the address %s without asking anybody', async (host, address) => {
    expect(await addressesOf(host, path.join(dir, 'none'))).toEqual([address]);
  });

  it('yields the address that arrives first, without waiting for the other family', async () => {
    dns.resolve4.mockReturnValue(Promise.withResolvers<string[]>().promise);
    expect(await addressesOf('a.example', resolvConf, 1)).toEqual(['2001:db8::1']);
  });

  it('yields one address of the other family next', async () => {
    expect(await addressesOf('a.example')).toEqual(['192.0.2.1', '2001:db8::1']);
  });

  it('asks the resolver of the pod when the name servers do not know the name', async () => {
    dns.resolve4.mockImplementation(unknown);
    dns.resolve6.mockImplementation(unknown);
    expect(await addressesOf('a.example')).toEqual(['192.0.2.9']);
  });

  it('asks the resolver of the pod when there is no resolv.conf', async () => {
    expect(await addressesOf('a.example', path.join(dir, 'none'))).toEqual(['192.0.2.9']);
    expect(dns.resolve4).not.toHaveBeenCalled();
  });

  it('fails when nobody knows the name', async () => {
    dns.lookup.mockImplementation(unknown);
    await expect(addressesOf('a', path.join(dir, 'none'))).rejects.toThrow('ENOTFOUND');
  });

  it('closes its stand-ins when its caller has enough', async () => {
    await writeFile(resolvConf, 'nameserver fe80::1%eth0\n');
    expect(await addressesOf('a.example', resolvConf, 1)).toHaveLength(1);
    expect(dns.standing).toBe(0);
  });
});

/** As on a node that has only IPv6. */
const failing = async (address: string): Promise<string> => {
  if (address === '2001:db8::1') return address;
  throw new Error(`connect ENETUNREACH ${address}`);
};

describe('tryAddresses', () => {
  it('goes on to the family that the node has', async () => {
    const found = tryAddresses(addressesOnNode('a.example', resolvConf), failing, () => false);
    expect(await found).toBe('2001:db8::1');
  });

  it('ends with a failure that no other address would mend', async () => {
    const found = tryAddresses(addressesOnNode('a.example', resolvConf), failing, () => true);
    await expect(found).rejects.toThrow('192.0.2.1');
  });

  it('fails with the last failure', async () => {
    dns.resolve6.mockImplementation(unknown);
    const found = tryAddresses(addressesOnNode('a.example', resolvConf), failing, () => false);
    await expect(found).rejects.toThrow('192.0.2.1');
  });
});

import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';

import { readIfThere } from './read-if-there.ts';

/** The addresses of a host name. */
export interface HostAddresses {
  readonly ipv4: readonly string[];
  readonly ipv6: readonly string[];
}

const nameServersIn = (resolvConf: string): string[] =>
  [...resolvConf.matchAll(/^nameserver\s+(\S+)/gm)]
    .map(([, address]) => address ?? '')
    .filter((address) => isIP(address) !== 0);

/** Opens a resolver for the name servers of a resolv.conf; undefined when it names none or cannot be read. */
async function openResolver(resolvConf: string): Promise<Resolver | undefined> {
  const text = await readIfThere(resolvConf).catch(() => undefined);
  const servers = nameServersIn(text ?? '');
  if (servers.length === 0) return undefined;
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers(servers);
  return resolver;
}

const orNone = (query: Promise<string[]>): Promise<string[]> => query.catch(() => []);

/**
 * Returns all addresses of a host name, as the name servers in the node's resolv.conf know them; none when they do not
 * answer. A pod cannot use its own resolv.conf for this: that is a copy from before the network was up.
 */
export async function resolveOnNode(name: string, resolvConf: string): Promise<HostAddresses> {
  const resolver = await openResolver(resolvConf);
  if (resolver === undefined) return { ipv4: [], ipv6: [] };
  const [ipv4, ipv6] = await Promise.all([
    orNone(resolver.resolve4(name)),
    orNone(resolver.resolve6(name)),
  ]);
  return { ipv4, ipv6 };
}

/**
 * Returns an address to connect to: `host` itself when it is one, otherwise the first that arrives from the node's name
 * servers. The pod's own resolver comes last, for names that only /etc/hosts has. Fails when none of them knows the
 * name.
 */
export async function lookupOnNode(host: string, resolvConf: string): Promise<string> {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) !== 0) return bare;
  const resolver = await openResolver(resolvConf);
  const queries = resolver === undefined ? [] : [resolver.resolve4(bare), resolver.resolve6(bare)];
  const [address] = await Promise.any(queries).catch((): string[] => []);
  return address ?? (await lookup(bare)).address;
}

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

/** Returns what a resolver can be given for a name server; undefined for one on a link that is not there. */
async function reachable(server: string, open: DisposableStack): Promise<string | undefined> {
  if (!server.includes('%')) return server;
  const { openStandIn } = await import('./name-server-stand-in.ts');
  try {
    return open.use(await openStandIn(server)).address;
  } catch {
    return undefined;
  }
}

/** Opens a resolver for the name servers of a resolv.conf; undefined when it names none or cannot be read. */
async function openResolver(
  resolvConf: string,
  open: DisposableStack,
): Promise<Resolver | undefined> {
  const text = await readIfThere(resolvConf).catch(() => undefined);
  const named = nameServersIn(text ?? '').map((server) => reachable(server, open));
  const servers = (await Promise.all(named)).filter((server) => server !== undefined);
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
  using open = new DisposableStack();
  const resolver = await openResolver(resolvConf, open);
  if (resolver === undefined) return { ipv4: [], ipv6: [] };
  const [ipv4, ipv6] = await Promise.all([
    orNone(resolver.resolve4(name)),
    orNone(resolver.resolve6(name)),
  ]);
  return { ipv4, ipv6 };
}

/** Returns both in the order in which they are settled. */
async function inOrder<T>(
  first: Promise<T>,
  second: Promise<T>,
): Promise<readonly [Promise<T>, Promise<T>]> {
  return Promise.race([
    first.then(() => [first, second] as const),
    second.then(() => [second, first] as const),
  ]);
}

/**
 * Yields addresses to connect to: `host` itself when it is one, otherwise one of each family, as they arrive from the
 * node's name servers. A node may have only one of the families, so the next one is for when the first is not reached.
 * The pod's own resolver comes last, for names that only /etc/hosts has. Fails when none of them knows the name.
 */
export async function* addressesOnNode(host: string, resolvConf: string): AsyncGenerator<string> {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) !== 0) {
    yield bare;
    return;
  }
  using open = new DisposableStack();
  const resolver = await openResolver(resolvConf, open);
  let isKnown = false;
  if (resolver !== undefined) {
    const [ipv4, ipv6] = [orNone(resolver.resolve4(bare)), orNone(resolver.resolve6(bare))];
    for (const family of await inOrder(ipv4, ipv6)) {
      const [address] = await family;
      if (address === undefined) continue;
      isKnown = true;
      yield address;
    }
  }
  if (!isKnown) yield (await lookup(bare)).address;
}

/**
 * Tries the addresses of a host until one serves, and returns what that gave. `isFinal` says of a failure that another
 * address would fail as well. Fails with the last failure.
 */
export async function tryAddresses<T>(
  addresses: AsyncIterable<string>,
  attempt: (address: string) => Promise<T>,
  isFinal: (error: unknown) => boolean,
): Promise<T> {
  let last: unknown;
  for await (const address of addresses) {
    try {
      return await attempt(address);
    } catch (error) {
      if (isFinal(error)) throw error;
      last = error;
    }
  }
  throw last;
}

import { lookup, Resolver } from 'node:dns/promises';
import { isIP } from 'node:net';

import { readIfThere } from '../files/transaction.ts';

const nameservers = (resolvConf: string): readonly string[] =>
  [...resolvConf.matchAll(/^nameserver\s+(\S+)/gm)]
    .map(([, address]) => address ?? '')
    .filter((address) => isIP(address) !== 0);

/**
 * The address of a host by the node's present name servers. A pod's own resolv.conf is a copy from before there was a lease; it
 * is asked second, for names that only /etc/hosts knows.
 */
export async function resolveHost(host: string, resolvConf: string): Promise<string> {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(bare) !== 0) return bare;
  const servers = nameservers((await readIfThere(resolvConf)) ?? '');
  if (servers.length > 0) {
    const resolver = new Resolver({ timeout: 2000, tries: 2 });
    resolver.setServers(servers);
    const found = await Promise.any([resolver.resolve4(bare), resolver.resolve6(bare)]).catch(
      () => [],
    );
    if (found[0] !== undefined) return found[0];
  }
  return (await lookup(bare)).address;
}

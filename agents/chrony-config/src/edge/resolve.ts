import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';

/** A pool answers many; a node needs few. */
const MAX_ADDRESSES = 4;

const nameservers = (text: string): string[] =>
  text.split('\n').flatMap((line) => /^nameserver\s+(\S+)/.exec(line)?.[1] ?? []);

/**
 * The addresses of a host name, asked of the servers in the node's own resolv.conf: that of the pod is a copy from before the
 * network was up.
 */
export async function resolveHost(resolvConf: string, name: string): Promise<string[]> {
  const servers = nameservers(await readFile(resolvConf, 'utf8').catch(() => ''));
  if (servers.length === 0) return [];
  const resolver = new Resolver({ timeout: 2000, tries: 2 });
  resolver.setServers(servers);
  const answers = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)]);
  const found = answers.map((answer) => (answer.status === 'fulfilled' ? answer.value : []));
  return found.flatMap((addresses) => addresses.toSorted().slice(0, MAX_ADDRESSES));
}

const MAX_SERVERS = 3;
const MAX_DOMAINS = 6;
const MAX_SEARCH_LENGTH = 256;

/** The name servers and search domains of one link. */
export interface Resolver {
  readonly link: string;
  readonly dns: readonly string[];
  readonly search: readonly string[];
}

/**
 * Returns the text of resolv.conf for links in order of preference, within the limits of C libraries. Undefined without
 * a name server: the present file then stays. Servers with a link-local address (`fe80::1%eth0`) count only where there
 * is no other: pods get a copy of the file, and in them the link's name is that of another link.
 */
export function formatResolvConf(resolvers: readonly Resolver[]): string | undefined {
  const useful = resolvers.filter(({ dns }) => dns.length > 0);
  if (useful.length === 0) return undefined;
  const all = unique(useful.flatMap(({ dns }) => dns));
  const reachable = all.filter((server) => !server.includes('%'));
  const servers = (reachable.length > 0 ? reachable : all).slice(0, MAX_SERVERS);
  const search = withinLimits(unique(useful.flatMap(({ search }) => search)));
  const lines = [
    `# kios-dhcp ${unique(useful.map(({ link }) => link)).join(' ')}`,
    ...servers.map((server) => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

/** The text of resolv.conf where settings leave all name servers out. */
export const NO_SERVERS = '# kios-dhcp\n';

/** Returns the text without these servers; undefined when it has none of them. Domains go with the last server. */
export function withoutServers(text: string, servers: readonly string[]): string | undefined {
  const unwanted = new Set(servers.map((server) => `nameserver ${server}`));
  const lines = text.split('\n');
  const kept = lines.filter((line) => !unwanted.has(line));
  if (kept.length === lines.length) return undefined;
  return kept.some((line) => line.startsWith('nameserver ')) ? kept.join('\n') : NO_SERVERS;
}

const unique = (values: readonly string[]): string[] => [...new Set(values)];

function withinLimits(domains: readonly string[]): string[] {
  const kept: string[] = [];
  for (const domain of domains.slice(0, MAX_DOMAINS)) {
    if ([...kept, domain].join(' ').length > MAX_SEARCH_LENGTH) break;
    kept.push(domain);
  }
  return kept;
}

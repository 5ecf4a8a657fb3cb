import { canonicalIp, unusable } from './address.ts';
import type { Source, TimeConfig } from './time-config.ts';

/** The time servers (option 42) of one lease. */
export interface LeaseServers {
  readonly link: string;
  readonly ntp: readonly string[];
}

export interface Inputs {
  readonly config: TimeConfig;
  readonly leases: readonly LeaseServers[];
  readonly platform: string | undefined;
  /** The addresses of host names resolved so far. */
  readonly resolved: ReadonlyMap<string, readonly string[]>;
  /** Addresses that are out of use because their time was impossible. */
  readonly refused?: ReadonlySet<string>;
}

/** A time server that cannot be used. */
export interface Bad {
  readonly origin: string;
  readonly value: string;
  readonly why: string;
}

export interface SourcePlan {
  /** File name in `sources.d` to content. */
  readonly files: ReadonlyMap<string, string>;
  /** The host names that this plan needs resolved. */
  readonly names: readonly string[];
  /** The addresses that only a lease names. */
  readonly leased: ReadonlySet<string>;
  readonly bad: readonly Bad[];
}

interface Entry {
  /** The address or name, as configured. */
  readonly host: string;
  readonly options: string;
}

interface Origin {
  readonly file: string;
  readonly comment: string;
  readonly entries: readonly Entry[];
}

/** The link-local time servers of clouds: always present, not rate-limited, and followed by the cloud's own clocks. */
const PLATFORMS: Readonly<Record<string, readonly Entry[]>> = {
  aws: [
    { host: '169.254.169.123', options: 'prefer iburst minpoll 4 maxpoll 4' },
    { host: 'fd00:ec2::123', options: 'prefer iburst minpoll 4 maxpoll 4' },
  ],
  gcp: [{ host: '169.254.169.254', options: 'prefer iburst' }],
  oracle: [{ host: '169.254.169.254', options: 'prefer iburst' }],
};

const MAX_PER_ORIGIN = 8;
const LEASE_FILES = '30-dhcp-';

function optionsOf({ nts, prefer, trust, minpoll, maxpoll }: Source): string {
  const words = [
    'iburst',
    ...(nts ? ['nts'] : []),
    ...(prefer ? ['prefer'] : []),
    ...(trust ? ['trust'] : []),
    ...(minpoll === undefined ? [] : [`minpoll ${minpoll}`]),
    ...(maxpoll === undefined ? [] : [`maxpoll ${maxpoll}`]),
  ];
  return words.join(' ');
}

const named = (hosts: readonly string[]): Entry[] =>
  hosts.map((host) => ({ host, options: 'iburst' }));

function configured(config: TimeConfig): Entry[] {
  const servers = config.servers.map((source) => ({
    host: source.address,
    options: optionsOf(source),
  }));
  return [...servers, ...named(config.pools)];
}

/**
 * Returns the servers of a lease. Unusable ones are dropped and added to `bad`. Beside public servers they are
 * preferred while they agree with those.
 */
function leased(lease: LeaseServers, options: string, bad: Bad[]): Origin {
  const origin = `dhcp ${lease.link}`;
  const good = lease.ntp.filter((value) => {
    const ip = canonicalIp(value);
    const why = ip === undefined ? 'it is not an IP address' : unusable(ip);
    if (why !== undefined) bad.push({ origin, value: value.slice(0, 80), why });
    return why === undefined;
  });
  const entries = good.map((host) => ({ host, options }));
  return {
    file: `${LEASE_FILES}${lease.link}.sources`,
    comment: `lease of ${lease.link}`,
    entries,
  };
}

const isLinkName = (link: string): boolean => /^[A-Za-z0-9_.:-]{1,15}$/.test(link);

function dhcpOrigins({ config, leases }: Inputs, options: string, bad: Bad[]): Origin[] {
  if (config.useDhcp === 'ignore') return [];
  return leases.filter(({ link }) => isLinkName(link)).map((lease) => leased(lease, options, bad));
}

function originsOf(inputs: Inputs, bad: Bad[]): Origin[] {
  const { config, platform = 'none' } = inputs;
  const own = configured(config);
  const inCloud = PLATFORMS[platform];
  // Public servers are the last resort, and are never used in a cloud that has its own.
  const hasOthers = own.length > 0 || inCloud !== undefined;
  const dhcp = dhcpOrigins(inputs, hasOthers ? 'iburst' : 'prefer iburst', bad);
  const hasDhcp = dhcp.some(({ entries }) => entries.length > 0);
  const isReplaced = config.useDhcp === 'replace' && hasDhcp;
  const cloud = config.usePlatform && !isReplaced ? (inCloud ?? []) : [];
  // Whoever answers first on a network gives leases, so their servers are not believed alone.
  const fallback = hasOthers || isReplaced ? [] : named(config.fallbackPools);
  return [
    { file: '10-config.sources', comment: 'time.yaml', entries: own },
    { file: '20-platform.sources', comment: `platform ${platform}`, entries: cloud },
    ...dhcp,
    { file: '90-fallback.sources', comment: 'fallback', entries: fallback },
  ];
}

/**
 * Returns the `server` lines of an entry, with addresses for a host name: chronyd's resolv.conf is an outdated copy.
 */
function linesOf(entry: Entry, inputs: Inputs, taken: Set<string>): string[] {
  const ip = canonicalIp(entry.host);
  // With NTS chronyd checks the name in the server's certificate, so it needs the name.
  if (ip === undefined && entry.options.split(' ').includes('nts')) {
    if (taken.has(entry.host)) return [];
    taken.add(entry.host);
    return [`server ${entry.host} ${entry.options}`];
  }
  const addresses = ip === undefined ? (inputs.resolved.get(entry.host) ?? []) : [ip];
  const comment = ip === undefined && addresses.length > 0 ? [`# ${entry.host}`] : [];
  const fresh = addresses.filter(
    (address) => !taken.has(address) && inputs.refused?.has(address) !== true,
  );
  for (const address of fresh) taken.add(address);
  return fresh.length === 0
    ? []
    : [...comment, ...fresh.map((each) => `server ${each} ${entry.options}`)];
}

/**
 * Plans the source files. The same inputs give the same bytes. An address appears only in the file with the lowest
 * number, because chronyd reports an error for a duplicate at every reload.
 */
export function planSources(inputs: Inputs): SourcePlan {
  const bad: Bad[] = [];
  const taken = new Set<string>();
  const files = new Map<string, string>();
  const names = new Set<string>();
  const onlyLeased = new Set<string>();
  for (const { file, comment, entries } of originsOf(inputs, bad)) {
    const some = entries.slice(0, MAX_PER_ORIGIN);
    for (const { host } of some) if (canonicalIp(host) === undefined) names.add(host);
    const lines = some.flatMap((entry) => linesOf(entry, inputs, taken));
    if (lines.length > 0) files.set(file, `# ${comment}\n${lines.join('\n')}\n`);
    if (file.startsWith(LEASE_FILES))
      for (const address of serversIn(lines.join('\n'))) onlyLeased.add(address);
  }
  return { files, names: [...names], leased: onlyLeased, bad };
}

/** Returns the servers in a lease's source file, which stay in use when the lease is lost and there is no other. */
export function serversIn(content: string): string[] {
  return content.split('\n').flatMap((line) => /^server (\S+) /.exec(line)?.[1] ?? []);
}

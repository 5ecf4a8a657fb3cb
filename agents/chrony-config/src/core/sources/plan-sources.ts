import { canonicalIp, unusable } from './address.ts';
import type { Source, TimeConfig } from './time-config.ts';

/** What one lease says of time. */
export interface LeaseServers {
  readonly link: string;
  readonly ntp: readonly string[];
}

export interface Inputs {
  readonly config: TimeConfig;
  readonly leases: readonly LeaseServers[];
  readonly platform: string | undefined;
  /** Addresses of host names, as far as they are known. */
  readonly resolved: ReadonlyMap<string, readonly string[]>;
}

export interface Bad {
  readonly origin: string;
  readonly value: string;
  readonly why: string;
}

export interface SourcePlan {
  /** Name in `sources.d` to content. */
  readonly files: ReadonlyMap<string, string>;
  /** Host names that have to be resolved for this plan. */
  readonly names: readonly string[];
  readonly bad: readonly Bad[];
}

interface Entry {
  /** What was configured: address or name. */
  readonly host: string;
  readonly options: string;
}

interface Origin {
  readonly file: string;
  readonly comment: string;
  readonly entries: readonly Entry[];
}

/** Link-local time services of clouds: always there, not rate-limited, and what the cloud's own clocks follow. */
const PLATFORMS: Readonly<Record<string, readonly Entry[]>> = {
  aws: [
    { host: '169.254.169.123', options: 'prefer iburst minpoll 4 maxpoll 4' },
    { host: 'fd00:ec2::123', options: 'prefer iburst minpoll 4 maxpoll 4' },
  ],
  gcp: [{ host: '169.254.169.254', options: 'prefer iburst' }],
  oracle: [{ host: '169.254.169.254', options: 'prefer iburst' }],
};

const MAX_PER_ORIGIN = 8;

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

/** Servers of a lease; what cannot be one is dropped and told. */
function leased(lease: LeaseServers, bad: Bad[]): Origin {
  const origin = `dhcp ${lease.link}`;
  const good = lease.ntp.filter((value) => {
    const ip = canonicalIp(value);
    const why = ip === undefined ? 'it is no address' : unusable(ip);
    if (why !== undefined) bad.push({ origin, value: value.slice(0, 80), why });
    return why === undefined;
  });
  const file = `30-dhcp-${lease.link}.sources`;
  return { file, comment: `lease of ${lease.link}`, entries: named(good) };
}

const isLinkName = (link: string): boolean => /^[A-Za-z0-9_.:-]{1,15}$/.test(link);

function dhcpOrigins({ config, leases }: Inputs, bad: Bad[]): Origin[] {
  if (config.useDhcp === 'ignore') return [];
  return leases.filter(({ link }) => isLinkName(link)).map((lease) => leased(lease, bad));
}

function originsOf(inputs: Inputs, bad: Bad[]): Origin[] {
  const { config, platform = 'none' } = inputs;
  const own = configured(config);
  const dhcp = dhcpOrigins(inputs, bad);
  const hasDhcp = dhcp.some(({ entries }) => entries.length > 0);
  const inCloud = PLATFORMS[platform];
  const isReplaced = config.useDhcp === 'replace' && hasDhcp;
  const cloud = config.usePlatform && !isReplaced ? (inCloud ?? []) : [];
  // Public servers are the last resort, and never asked from inside a cloud that has its own.
  const isAlone = own.length === 0 && !hasDhcp && inCloud === undefined;
  const fallback = isAlone ? named(config.fallbackPools) : [];
  return [
    { file: '10-config.sources', comment: 'time.yaml', entries: own },
    { file: '20-platform.sources', comment: `platform ${platform}`, entries: cloud },
    ...dhcp,
    { file: '90-fallback.sources', comment: 'fallback', entries: fallback },
  ];
}

/** `server` lines of one entry; a host name becomes the addresses it stands for, because chronyd's resolver is frozen. */
function linesOf(entry: Entry, inputs: Inputs, taken: Set<string>): string[] {
  const ip = canonicalIp(entry.host);
  // NTS checks the name in the server's certificate, so chronyd has to be given the name.
  if (ip === undefined && entry.options.split(' ').includes('nts')) {
    if (taken.has(entry.host)) return [];
    taken.add(entry.host);
    return [`server ${entry.host} ${entry.options}`];
  }
  const addresses = ip === undefined ? (inputs.resolved.get(entry.host) ?? []) : [ip];
  const comment = ip === undefined && addresses.length > 0 ? [`# ${entry.host}`] : [];
  const fresh = addresses.filter((address) => !taken.has(address));
  for (const address of fresh) taken.add(address);
  return fresh.length === 0
    ? []
    : [...comment, ...fresh.map((each) => `server ${each} ${entry.options}`)];
}

/**
 * Which source files there are to be. The same inputs give the same bytes. An address stands in one file only, the one of the
 * lowest number: chronyd reports an error at every reload otherwise.
 */
export function planSources(inputs: Inputs): SourcePlan {
  const bad: Bad[] = [];
  const taken = new Set<string>();
  const files = new Map<string, string>();
  const names = new Set<string>();
  for (const { file, comment, entries } of originsOf(inputs, bad)) {
    const some = entries.slice(0, MAX_PER_ORIGIN);
    for (const { host } of some) if (canonicalIp(host) === undefined) names.add(host);
    const lines = some.flatMap((entry) => linesOf(entry, inputs, taken));
    if (lines.length > 0) files.set(file, `# ${comment}\n${lines.join('\n')}\n`);
  }
  return { files, names: [...names], bad };
}

/** The servers a source file of a lease names: what to keep when the lease is gone and there is no other. */
export function serversIn(content: string): string[] {
  return content.split('\n').flatMap((line) => /^server (\S+) /.exec(line)?.[1] ?? []);
}

import { canonicalIp, isLoopback, unusable } from './address.ts';
import { isCloud, serversOf } from './platforms.ts';
import type { Source, TimeConfig } from './time-config.ts';

/** The time servers (option 42) of one lease. */
export interface LeaseServers {
  readonly link: string;
  readonly ntp: readonly string[];
}

/** What decides which origins give sources. */
export interface OriginInputs {
  readonly config: TimeConfig;
  readonly leases: readonly LeaseServers[];
  /** Undefined where no platform is known. */
  readonly platform: string | undefined;
  /** The platform may still become known. */
  readonly isPlatformPending?: boolean | undefined;
  /** Whether public servers may be asked; `auto`: on bare metal beside leases, in a cloud without any other source. */
  readonly publicPool?: 'auto' | boolean | undefined;
  /** The file of keys can be read. */
  readonly hasKeys?: boolean | undefined;
}

export interface Entry {
  /** The address or name, as given. */
  readonly host: string;
  readonly options: string;
  /** chronyd asks the server by its name, which its certificate has to have. */
  readonly isNts: boolean;
  /** Why it is no source. */
  readonly fault: string | undefined;
}

export interface Origin {
  readonly kind: 'config' | 'platform' | 'dhcp' | 'fallback';
  /** For people: `time.yaml`, `dhcp eth0`. */
  readonly name: string;
  /** The file in `sources.d`. */
  readonly file: string;
  readonly comment: string;
  readonly entries: readonly Entry[];
  /** Why none of it is used. */
  readonly off: string | undefined;
}

function optionsOf({ iburst, nts, prefer, trust, minpoll, maxpoll, key }: Source): string {
  const words = [
    ...(iburst ? ['iburst'] : []),
    ...(nts ? ['nts'] : []),
    ...(prefer ? ['prefer'] : []),
    ...(trust ? ['trust'] : []),
    ...(minpoll === undefined ? [] : [`minpoll ${minpoll}`]),
    ...(maxpoll === undefined ? [] : [`maxpoll ${maxpoll}`]),
    ...(key === undefined ? [] : [`key ${key}`]),
  ];
  return words.join(' ');
}

const hostFault = (host: string): string | undefined => {
  const ip = canonicalIp(host);
  return ip === undefined ? undefined : unusable(ip);
};

/** A person may name a program of the node's own. */
const namedFault = (host: string): string | undefined =>
  isLoopback(canonicalIp(host) ?? '') ? undefined : hostFault(host);

const entryOf = (host: string, options: string, fault: string | undefined): Entry => ({
  host,
  options,
  fault,
  isNts: false,
});

export function configOrigin({ config, hasKeys }: OriginInputs): Origin {
  const keyFault = (key: number | undefined): string | undefined =>
    key === undefined || hasKeys === true ? undefined : 'the file of its key cannot be read';
  const servers = config.servers.map((source) => ({
    host: source.address,
    options: optionsOf(source),
    isNts: source.nts,
    fault: namedFault(source.address) ?? keyFault(source.key),
  }));
  const pools = config.pools.map((host) => entryOf(host, 'iburst', namedFault(host)));
  return {
    kind: 'config',
    name: 'time.yaml',
    file: '10-config.sources',
    comment: 'time.yaml',
    entries: [...servers, ...pools],
    off: undefined,
  };
} // prettier-ignore

export function platformOrigin({ config, platform = 'none' }: OriginInputs, isReplaced: boolean): Origin {
  const name = `platform ${platform}`;
  return {
    kind: 'platform',
    name,
    file: '20-platform.sources',
    comment: name,
    entries: serversOf(platform).map(({ host, options }) => entryOf(host, options, undefined)),
    off: platformOff(config, isReplaced),
  };
} // prettier-ignore

function platformOff({ usePlatform }: TimeConfig, isReplaced: boolean): string | undefined {
  if (!usePlatform) return 'time.yaml has usePlatform: false';
  return isReplaced ? 'time.yaml has useDhcp: replace, and a lease names servers' : undefined;
}

const isLinkName = (link: string): boolean => /^[A-Za-z0-9_.:-]{1,15}$/.test(link);

const leaseFault = (value: string): string | undefined =>
  canonicalIp(value) === undefined ? 'it is not an IP address' : hostFault(value);

/** Beside public servers those of a lease are preferred while they agree with them: `options`. */
export function dhcpOrigins({ config, leases }: OriginInputs, options: string): Origin[] {
  const off = config.useDhcp === 'ignore' ? 'time.yaml has useDhcp: ignore' : undefined;
  return leases
    .filter(({ link }) => isLinkName(link))
    .map(({ link, ntp }) => ({
      kind: 'dhcp',
      name: `dhcp ${link}`,
      file: `30-dhcp-${link}.sources`,
      comment: `lease of ${link}`,
      entries: ntp.map((value) => entryOf(value, options, leaseFault(value))),
      off,
    }));
}

/** Returns whether the servers of leases take the place of the platform's and of public ones. */
export const isReplacing = ({ config, leases }: OriginInputs): boolean =>
  config.useDhcp === 'replace' &&
  leases.some(
    ({ link, ntp }) => isLinkName(link) && ntp.some((value) => leaseFault(value) === undefined),
  );

/** What the other origins have come to. */
export interface Others {
  /** A person or the platform names a source. */
  readonly hasNamed: boolean;
  readonly hasLeased: boolean;
  readonly isReplaced: boolean;
}

export function fallbackOrigin(inputs: OriginInputs, others: Others): Origin {
  return {
    kind: 'fallback',
    name: 'fallback',
    file: '90-fallback.sources',
    comment: 'fallback',
    entries: inputs.config.fallbackPools.map((host) => entryOf(host, 'iburst', namedFault(host))),
    off: fallbackOff(inputs, others),
  };
}

/** Whoever answers first on a network gives leases, so on bare metal public servers are asked beside theirs. */
function fallbackOff(inputs: OriginInputs, others: Others): string | undefined {
  const { platform = 'none', publicPool = 'auto', isPlatformPending } = inputs;
  if (publicPool === false) return 'public servers are not allowed';
  if (others.isReplaced) return 'time.yaml has useDhcp: replace, and a lease names servers';
  return publicPool === true ? undefined : fallbackInPlace(platform, others, isPlatformPending);
}

function fallbackInPlace(
  platform: string,
  { hasNamed, hasLeased }: Others,
  isPending = false,
): string | undefined {
  if (hasNamed) return 'time.yaml or the platform names sources';
  if (isPending) return 'it is not known yet whether this is a cloud';
  return isCloud(platform) && hasLeased
    ? `the platform is ${platform}, and a lease names servers`
    : undefined;
}

/** A time server of a platform. */
export interface PlatformServer {
  readonly host: string;
  readonly options: string;
}

/**
 * The time servers of clouds. The link-local ones are always there, not rate-limited, and followed by the cloud's own
 * clocks: AWS EC2 User Guide "Set the time", Google Compute Engine "Configure NTP", OCI "Configuring the Network Time
 * Protocol", Hetzner Docs "NTP servers".
 */
const SERVERS: Readonly<Record<string, readonly PlatformServer[]>> = {
  aws: [
    { host: '169.254.169.123', options: 'prefer iburst minpoll 4 maxpoll 4' },
    { host: 'fd00:ec2::123', options: 'prefer iburst minpoll 4 maxpoll 4' },
  ],
  gcp: [{ host: '169.254.169.254', options: 'prefer iburst' }],
  oracle: [{ host: '169.254.169.254', options: 'prefer iburst' }],
  hetzner: ['ntp1.hetzner.de', 'ntp2.hetzner.com', 'ntp3.hetzner.net'].map((host) => ({
    host,
    options: 'iburst',
  })),
};

/** Clouds, as `platform.json` names them. A seed volume (`nocloud`, `file`) says nothing about where a node is. */
const CLOUDS: ReadonlySet<string> = new Set([
  'akamai',
  'aws',
  'azure',
  'digitalocean',
  'gcp',
  'hetzner',
  'openstack',
  'oracle',
  'scaleway',
  'vultr',
]);

export const serversOf = (platform: string): readonly PlatformServer[] => SERVERS[platform] ?? [];

export const isCloud = (platform: string): boolean => CLOUDS.has(platform);

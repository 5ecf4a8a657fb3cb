import type { ProviderName } from '../providers/provider.ts';

/** Where the agent finds and puts things; flags of the command line. */
export interface Settings {
  readonly provider: 'auto' | ProviderName;
  /** The kernel's command line; `kios.provider=` there decides what `auto` leaves open. */
  readonly cmdline: string;
  /** Documents that outweigh all others, last wins. */
  readonly config: readonly string[];
  /** The host's /etc. */
  readonly etc: string;
  /** The host's /run/kios. */
  readonly run: string;
  readonly seedDir: string;
  readonly stateDir: string;
  /** Where kubelet keeps its client certificate; the same path on the host and here. */
  readonly kubeletPki: string;
  readonly sysfs: string;
  /** The host's /sys/firmware; a container's own is hidden. */
  readonly firmware: string;
  /** The host's network tables. */
  readonly procNet: string;
  readonly socket: string;
  /** Programs of the agent's image that a document may name. */
  readonly plugins: string;
  /** Where kubelet starts them from. */
  readonly pluginDir: string;
  /** Seconds after which a node that could not join gives up; 0 never. */
  readonly timeoutSeconds: number;
  /** Seconds to wait for a lease where a router has announced an IPv6 address. */
  readonly leaseGraceSeconds: number;
  /** Seconds to wait for a synchronised clock when this boot's clock was set by guess. */
  readonly clockTimeoutSeconds: number;
  /** Seconds to wait before kubelet's restart for the other shipped pods to be up. */
  readonly podsTimeoutSeconds: number;
  /** Seconds after kubelet's restart until a node that is not Ready gets its former configuration back; 0 never. */
  readonly rollbackSeconds: number;
  /** Seconds between two looks at the node's own object in the cluster. */
  readonly nodeCheckSeconds: number;
  readonly restart: boolean;
  readonly reEvaluate: boolean;
}

/** The paths of a node; docs/host-api.md. */
export const DEFAULTS: Settings = {
  provider: 'auto',
  cmdline: '/proc/cmdline',
  config: [],
  etc: '/etc',
  run: '/run/kios',
  seedDir: '/run/kios/seed',
  stateDir: '/var/lib/kios/bootstrap',
  kubeletPki: '/var/lib/kubelet/pki',
  sysfs: '/sys',
  firmware: '/sys/firmware',
  procNet: '/proc/net',
  socket: '/run/kios/control/restart-kubelet.sock',
  plugins: '/plugins',
  pluginDir: '/var/lib/kios/credential-providers',
  timeoutSeconds: 0,
  // Where both families are, a router is often faster than a DHCP server.
  leaseGraceSeconds: 10,
  clockTimeoutSeconds: 120,
  podsTimeoutSeconds: 5,
  rollbackSeconds: 600,
  nodeCheckSeconds: 60,
  restart: true,
  reEvaluate: false,
};

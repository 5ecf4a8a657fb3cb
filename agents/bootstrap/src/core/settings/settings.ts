import type { ProviderName } from '../providers/provider.ts';

/** The settings of the agent; flags.ts describes them for its users. */
export interface Settings {
  readonly provider: 'auto' | ProviderName;
  /** File with the kernel's command line, whose `kios.provider=` decides where the setting is `auto`. */
  readonly cmdline: string;
  readonly config: readonly string[];
  /** The host's /etc. */
  readonly etc: string;
  /** The host's /run/kios. */
  readonly run: string;
  readonly seedDir: string;
  readonly stateDir: string;
  /** The same path on the host and in the pod. */
  readonly kubeletPki: string;
  readonly sysfs: string;
  /** The host's /sys/firmware; a container's own is hidden. */
  readonly firmware: string;
  readonly procNet: string;
  readonly socket: string;
  readonly plugins: string;
  readonly pluginDir: string;
  readonly timeoutSeconds: number;
  readonly leaseGraceSeconds: number;
  readonly clockTimeoutSeconds: number;
  readonly rollbackSeconds: number;
  readonly nodeCheckSeconds: number;
  /** Seconds between two looks for faults; 0 looks for none. */
  readonly diagnoseSeconds: number;
  /** kubelet's control groups of pods. */
  readonly kubepods: string;
  readonly mountinfo: string;
  readonly restart: boolean;
  readonly reEvaluate: boolean;
}

/** The defaults: the paths are those of docs/host-api.md. */
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
  // Where both families are in use, a router is often faster than a DHCP server.
  leaseGraceSeconds: 10,
  clockTimeoutSeconds: 120,
  rollbackSeconds: 600,
  nodeCheckSeconds: 60,
  diagnoseSeconds: 10,
  kubepods: '/sys/fs/cgroup/kubepods',
  mountinfo: '/proc/self/mountinfo',
  restart: true,
  reEvaluate: false,
};

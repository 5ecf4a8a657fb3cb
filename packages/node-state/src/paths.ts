/** The state files through which the parts of a node share facts, each with one writer: docs/host-api.md §2. */
export const STATE = {
  boot: '/run/kios/boot.json',
  kubelet: '/run/kios/kubelet.json',
  host: '/run/kios/host/host.json',
  netDir: '/run/kios/net',
  resolvConf: '/run/kios/net/resolv.conf',
  lease: (link: string): string => `/run/kios/net/${link}.json`,
  lease6: (link: string): string => `/run/kios/net/v6/${link}.json`,
  chronyDir: '/run/kios/chrony',
  time: '/run/kios/time/state.json',
  platformDir: '/run/kios/platform',
  cluster: '/run/kios/platform/cluster.json',
  platform: '/run/kios/platform/platform.json',
  modules: '/run/kios/modules/status.json',
  modulesReady: '/run/kios/modules/ready',
  seedDir: '/run/kios/seed',
  release: '/etc/kios/release.json',
} as const;

import path from 'node:path';

import { stateDir } from '../../workstation/paths.ts';

/** The control plane's folder; everything in it is readable only by its owner. */
export const home = path.join(stateDir, 'controlplane');

const under = (...parts: string[]): string => path.join(home, ...parts);

export const layout = {
  home,
  pki: under('pki'),
  etcdData: under('etcd'),
  logs: under('log'),
  /**
   * The records and sockets of the processes. It is also their working folder, so that they can use a socket's bare
   * name: its path has at most 107 bytes, and a state folder may lie deeper.
   */
  run: under('run'),
  settings: under('settings.json'),
  forwards: under('forwards.json'),
  adminKubeconfig: under('admin.kubeconfig'),
} as const;

/** Names of the sockets, relative to `layout.run`. */
export const SOCKETS = { etcd: 'etcd.sock', etcdPeer: 'etcd-peer.sock', egress: 'egress.sock' };

/** The workstation as QEMU's user network shows it to a guest; connections to it arrive on 127.0.0.1. */
export const WORKSTATION_SEEN_BY_GUEST = '10.0.2.2';

/** The same for guests of a segment with IPv6, where a test's router leads to that loopback. */
export const WORKSTATION_ON_SEGMENT = { name: 'api.kios.test', ipv6: '2001:db8:16::1' } as const;

/** Addresses inside the cluster. The first of the service network is the API server's. */
export const NETWORKS = {
  services: '10.96.0.0/16',
  kubernetesService: '10.96.0.1',
  pods: '10.244.0.0/16',
} as const;

import { DEFAULTS, type Defaults } from '@kios/node-turn';
import type { InferredOptionTypes, Options } from 'yargs';

import { LifecycleError } from '../faults/errors.ts';

export const FLAGS = {
  node: {
    type: 'string',
    default: '',
    describe: 'Name of this node; the manifest takes it from spec.nodeName',
  },
  server: {
    type: 'string',
    default: '',
    describe: 'API server, as https://host:port; by default the one that kubelet uses',
  },
  'max-unavailable': {
    type: 'number',
    default: DEFAULTS.maxUnavailable,
    describe: 'Nodes that may be away at once, where a request says nothing else',
  },
  'wait-seconds': {
    type: 'number',
    default: DEFAULTS.waitSeconds,
    describe: 'Time for which a request waits for its turn, where it says nothing else',
  },
  'drain-seconds': {
    type: 'number',
    default: DEFAULTS.drainSeconds,
    describe: 'Time that pods have to go, where a request says nothing else',
  },
  'idle-seconds': {
    type: 'number',
    default: 10,
    describe: 'Pause between two looks at the Node while nothing is asked for',
  },
  'busy-seconds': {
    type: 'number',
    default: 3,
    describe: 'Pause between two steps of a turn; while it waits for others, up to ten times that',
  },
  account: {
    type: 'string',
    default: '/var/run/secrets/kubernetes.io/serviceaccount',
    describe: "Folder with the pod's token and the certificate authority of the cluster",
  },
  platform: {
    type: 'string',
    default: '/run/kios/platform',
    describe: 'Folder with the API server that kubelet uses',
  },
  'resolv-conf': {
    type: 'string',
    default: '/run/kios/net/resolv.conf',
    describe: "File with the node's name servers",
  },
  'boot-id': {
    type: 'string',
    default: '/proc/sys/kernel/random/boot_id',
    describe: "File with the kernel's number of this boot",
  },
  socket: {
    type: 'string',
    default: '/run/kios/control/shutdown.sock',
    describe: "Init's socket for a reboot or power-off",
  },
} as const satisfies Record<string, Options>;

export interface Settings {
  readonly node: string;
  /** Undefined: where kubelet finds it. */
  readonly server: string | undefined;
  readonly defaults: Defaults;
  readonly idleMs: number;
  readonly busyMs: number;
  readonly account: string;
  readonly platform: string;
  readonly resolvConf: string;
  readonly bootId: string;
  readonly socket: string;
}

const setupError = (message: string): LifecycleError =>
  new LifecycleError('KIOS_LIFECYCLE_SETUP', message);

function positive(flag: string, value: number): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw setupError(`use --${flag}=${value}: it is not a whole number above 0`);
}

export function toSettings(flags: InferredOptionTypes<typeof FLAGS>): Settings {
  const { node, server, account, platform, socket } = flags;
  if (node === '') throw setupError('find the name of this node: --node is empty');
  const pause = (flag: 'idle-seconds' | 'busy-seconds'): number =>
    positive(flag, flags[flag]) * 1000;
  return {
    node,
    server: server === '' ? undefined : server,
    defaults: {
      maxUnavailable: positive('max-unavailable', flags['max-unavailable']),
      waitSeconds: positive('wait-seconds', flags['wait-seconds']),
      drainSeconds: positive('drain-seconds', flags['drain-seconds']),
    },
    idleMs: pause('idle-seconds'),
    busyMs: pause('busy-seconds'),
    account,
    platform,
    resolvConf: flags['resolv-conf'],
    bootId: flags['boot-id'],
    socket,
  };
}

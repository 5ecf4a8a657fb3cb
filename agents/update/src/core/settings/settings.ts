import type { InferredOptionTypes, Options } from 'yargs';

import { UpdateError } from '../faults/errors.ts';
import type { Asking } from '../pass/request.ts';

export const FLAGS = {
  node: {
    type: 'string',
    default: '',
    describe: 'Name of this node; the manifest takes it from spec.nodeName',
  },
  order: {
    type: 'string',
    default: '',
    describe: "Order of a person's command, which the node's annotation repeats",
  },
  reboot: {
    type: 'boolean',
    default: true,
    describe: 'Ask for a reboot once the system is staged; without it the next boot tries it',
  },
  'max-unavailable': {
    type: 'number',
    default: 0,
    describe: 'Nodes that may be away at once; 0: what the agents that reboot say',
  },
  'drain-seconds': {
    type: 'number',
    default: 0,
    describe: 'Time that pods have to go; 0: what the agents that reboot say',
  },
  'idle-seconds': {
    type: 'number',
    default: 10,
    describe: 'Pause between two looks at the node',
  },
  server: {
    type: 'string',
    default: '',
    describe: 'API server, as https://host:port; by default the one that kubelet uses',
  },
  os: { type: 'string', default: '/os', describe: 'Folder with the system that is to run' },
  run: { type: 'string', default: '/run/kios', describe: 'Folder with what init says' },
  state: {
    type: 'string',
    default: '/var/lib/kios/update',
    describe: 'Folder for what the agent remembers',
  },
  socket: {
    type: 'string',
    default: '/run/kios/control/esp.sock',
    describe: "Init's socket that mounts the EFI system partition",
  },
  account: {
    type: 'string',
    default: '/var/run/secrets/kubernetes.io/serviceaccount',
    describe: "Folder with the pod's token and the certificate authority of the cluster",
  },
  'boot-id': {
    type: 'string',
    default: '/proc/sys/kernel/random/boot_id',
    describe: "File with the kernel's number of this boot",
  },
} as const satisfies Record<string, Options>;

export interface Settings {
  readonly node: string;
  readonly order: string;
  readonly reboot: boolean;
  readonly asking: Asking;
  readonly idleMs: number;
  /** Undefined: where kubelet finds it. */
  readonly server: string | undefined;
  readonly os: string;
  readonly slots: string;
  readonly state: string;
  readonly socket: string;
  readonly esp: string;
  readonly account: string;
  readonly platform: string;
  readonly resolvConf: string;
  readonly bootId: string;
}

const setupError = (message: string): UpdateError => new UpdateError('KIOS_UPDATE_SETUP', message);

function count(flag: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw setupError(`use --${flag}=${value}: it is not a whole number from ${least} on`);
}

export function toSettings(flags: InferredOptionTypes<typeof FLAGS>): Settings {
  const { node, server, run } = flags;
  if (node === '') throw setupError('find the name of this node: --node is empty');
  return {
    node,
    order: flags.order,
    reboot: flags.reboot,
    asking: {
      maxUnavailable: count('max-unavailable', flags['max-unavailable'], 0),
      drainSeconds: count('drain-seconds', flags['drain-seconds'], 0),
    },
    idleMs: count('idle-seconds', flags['idle-seconds'], 1) * 1000,
    server: server === '' ? undefined : server,
    os: flags.os,
    slots: `${run}/slots.json`,
    state: flags.state,
    socket: flags.socket,
    esp: `${run}/esp`,
    account: flags.account,
    platform: `${run}/platform`,
    resolvConf: `${run}/net/resolv.conf`,
    bootId: flags['boot-id'],
  };
}

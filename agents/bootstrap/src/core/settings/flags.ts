import type { InferredOptionTypes, Options } from 'yargs';

import { PROVIDER_NAMES } from '../providers/provider.ts';
import { DEFAULTS, type Settings } from './settings.ts';

/** The flags of `join`, `watch` and `render`: where documents and the state of the node are. */
const READING = {
  provider: {
    choices: ['auto', ...PROVIDER_NAMES] as const,
    default: DEFAULTS.provider,
    describe: 'Provider of this machine; auto goes by the kernel command line, then the firmware',
  },
  config: {
    type: 'string',
    array: true,
    default: DEFAULTS.config,
    describe: 'Bootstrap document that overrides all others; repeatable, the last one wins',
  },
  cmdline: {
    type: 'string',
    default: DEFAULTS.cmdline,
    describe: "File with the kernel's command line",
  },
  etc: { type: 'string', default: DEFAULTS.etc, describe: "The host's /etc" },
  run: { type: 'string', default: DEFAULTS.run, describe: "The host's /run/kios" },
  'seed-dir': {
    type: 'string',
    default: DEFAULTS.seedDir,
    describe: 'Folder where init mounts the seed volumes',
  },
  'state-dir': {
    type: 'string',
    default: DEFAULTS.stateDir,
    describe: 'Folder where this agent keeps its state',
  },
  'kubelet-pki': {
    type: 'string',
    default: DEFAULTS.kubeletPki,
    describe: "Folder of kubelet's client certificate",
  },
  sysfs: { type: 'string', default: DEFAULTS.sysfs, describe: "The host's /sys" },
  firmware: { type: 'string', default: DEFAULTS.firmware, describe: "The host's /sys/firmware" },
  'proc-net': {
    type: 'string',
    default: DEFAULTS.procNet,
    describe: "The host's network tables, /proc/net",
  },
} as const satisfies Record<string, Options>;

/** The flags of the verbs that have kubelet restarted. */
const RESTARTING = {
  socket: {
    type: 'string',
    default: DEFAULTS.socket,
    describe: "Init's socket for a kubelet restart",
  },
  restart: {
    type: 'boolean',
    default: DEFAULTS.restart,
    describe: 'Have kubelet restarted when its files change; --no-restart leaves that to you',
  },
} as const satisfies Record<string, Options>;

/** The flags of `join` and `watch`. */
const JOINING = {
  ...READING,
  plugins: {
    type: 'string',
    default: DEFAULTS.plugins,
    describe: "Folder of the image's programs that a document may name",
  },
  'plugin-dir': {
    type: 'string',
    default: DEFAULTS.pluginDir,
    describe: 'Folder on the host from which kubelet starts them',
  },
  'lease-grace': {
    type: 'number',
    default: DEFAULTS.leaseGraceSeconds,
    describe: 'Seconds to wait for a DHCP lease once a router has announced an IPv6 address',
  },
  'clock-timeout': {
    type: 'number',
    default: DEFAULTS.clockTimeoutSeconds,
    describe: 'Seconds to wait for a synchronised clock when the boot only guessed the time',
  },
  ...RESTARTING,
  're-evaluate': {
    type: 'boolean',
    default: DEFAULTS.reEvaluate,
    describe: 'Ask the metadata service again and join anew, under a new name if need be',
  },
} as const satisfies Record<string, Options>;

const JOIN = {
  ...JOINING,
  timeout: {
    type: 'number',
    default: DEFAULTS.timeoutSeconds,
    describe: 'Seconds to go on trying; 0 tries without limit',
  },
} as const satisfies Record<string, Options>;

const WATCH = {
  ...JOINING,
  rollback: {
    type: 'number',
    default: DEFAULTS.rollbackSeconds,
    describe:
      'Seconds for a restarted node to become Ready before its rollback; 0 never rolls back',
  },
  'node-check': {
    type: 'number',
    default: DEFAULTS.nodeCheckSeconds,
    describe: "Seconds between two looks at the node's own Node object",
  },
  diagnose: {
    type: 'number',
    default: DEFAULTS.diagnoseSeconds,
    describe: 'Seconds between two looks for faults of the node; 0 looks for none',
  },
  kubepods: {
    type: 'string',
    default: DEFAULTS.kubepods,
    describe: 'Control groups of pods on the host',
  },
  mountinfo: {
    type: 'string',
    default: DEFAULTS.mountinfo,
    describe: 'Mounts of this container, with the file system of its state among them',
  },
} as const satisfies Record<string, Options>;

/** Accepts flags without showing them in the help. */
const hidden = (flags: Readonly<Record<string, Options>>): Record<string, Options> =>
  Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [name, { ...flag, hidden: true }]),
  );

/** The flags of each verb. The help shows those that act on it. */
export const FLAGS = {
  join: JOIN,
  watch: WATCH,
  reset: {
    // So that a manifest needs another verb only.
    ...hidden({ ...JOIN, ...WATCH }),
    etc: READING.etc,
    'state-dir': READING['state-dir'],
    'kubelet-pki': READING['kubelet-pki'],
    ...RESTARTING,
  },
  render: READING,
} as const satisfies Record<string, Record<string, Options>>;

type AllFlags = typeof FLAGS.join & typeof FLAGS.watch;

/** The values of a command line that has some of the flags. */
export type FlagValues = Partial<InferredOptionTypes<AllFlags>>;

/** The settings that have another name than their flag: theirs says the unit. */
interface Renamed {
  readonly timeout?: number;
  readonly leaseGrace?: number;
  readonly clockTimeout?: number;
  readonly rollback?: number;
  readonly nodeCheck?: number;
  readonly diagnose?: number;
}

/** Returns the settings for flags in camel case, with the default of each flag that is absent. */
export function toSettings(flags: Partial<Settings> & Renamed): Settings {
  return {
    ...DEFAULTS,
    ...flags,
    timeoutSeconds: flags.timeout ?? DEFAULTS.timeoutSeconds,
    leaseGraceSeconds: flags.leaseGrace ?? DEFAULTS.leaseGraceSeconds,
    clockTimeoutSeconds: flags.clockTimeout ?? DEFAULTS.clockTimeoutSeconds,
    rollbackSeconds: flags.rollback ?? DEFAULTS.rollbackSeconds,
    nodeCheckSeconds: flags.nodeCheck ?? DEFAULTS.nodeCheckSeconds,
    diagnoseSeconds: flags.diagnose ?? DEFAULTS.diagnoseSeconds,
  };
}

/** What `check-userdata` takes. */
export const CHECKED = {
  file: {
    type: 'string',
    demandOption: true,
    describe: 'The file, in any encoding that user data may have',
  },
  pods: {
    type: 'string',
    requiresArg: true,
    describe: "File into which the document's static pods are written, as JSON",
  },
  settings: {
    type: 'string',
    requiresArg: true,
    describe: "File into which the document's settings of other programs are written, as JSON",
  },
} as const satisfies Record<string, Options>;

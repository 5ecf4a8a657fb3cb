import { STATE } from '@kios/node-state';
import * as v from 'valibot';

import { SETTINGS } from './settings.ts';
import type { Table, Values } from './table.ts';

/** A name the kernel accepts: IFNAMSIZ less the NUL, no slashes and no spaces. */
const LinkName = v.pipe(
  v.string(),
  v.regex(/^[^\s/]{1,15}$/, 'it must have 1 to 15 characters, no slash and no space'),
);

const LinkNames = v.pipe(
  v.array(LinkName),
  v.check((names) => !names.includes('auto') || names.length === 1, 'auto must stand alone'),
  v.readonly(),
);

const RUN_DIR = {
  runDir: {
    schema: v.string(),
    default: STATE.netDir,
    describe: 'Folder of the leases and of resolv.conf, for other programs',
  },
} as const satisfies Table;

/** Flags of `status`. */
export const STATUS_FLAGS = {
  ...RUN_DIR,
  trace: {
    schema: v.boolean(),
    default: false,
    describe: 'Print the last DHCP frames instead, as a pcap file',
  },
} as const satisfies Table;

/** Flags of the verbs that work on links. */
export const LINK_FLAGS = {
  ...RUN_DIR,
  stateDir: {
    schema: v.string(),
    default: '/var/lib/kios/dhcp',
    describe: 'Folder of the leases that outlive a boot',
  },
  interface: {
    schema: LinkNames,
    default: ['auto'],
    describe: 'Link to serve; auto: every Ethernet device that is in no bond or bridge',
  },
  config: {
    schema: v.string(),
    default: '/etc/kios/dhcp/dhcp.yaml',
    describe: 'File that says how single links differ from the flags',
  },
  network: {
    schema: v.string(),
    default: '/etc/kios/dhcp/network.yaml',
    describe: "File that says what the host's network is; without one every card uses DHCP",
  },
  networkTrial: {
    schema: v.pipe(v.number(), v.integer(), v.minValue(1)),
    default: 120,
    describe: 'Seconds in which the API server has to be reached with a changed network file',
  },
  sysctls: {
    schema: v.string(),
    default: '/proc/sys/net/ipv6/conf',
    describe: "Folder of the kernel's settings of IPv6, which a network file may change",
  },
  platformDir: {
    schema: v.string(),
    default: STATE.platformDir,
    describe: "Folder in which bootstrap says where the cluster's API server is",
  },
  lanDir: {
    schema: v.string(),
    default: '/run/kios/lan',
    describe: 'Folder of the socket by which pods get addresses of the segment',
  },
  hostFile: {
    schema: v.string(),
    default: STATE.host,
    describe: "Init's file with the host's name and where it comes from",
  },
  ...SETTINGS,
} as const satisfies Table;
export type LinkFlags = Values<typeof LINK_FLAGS>;

export const RUN_FLAGS = {
  ...LINK_FLAGS,
  metricsDir: {
    schema: v.string(),
    default: '/run/kios/metrics',
    describe: 'Folder of the event counters, for a metrics collector',
  },
} as const satisfies Table;

const seconds = v.number();

export const ACQUIRE_FLAGS = {
  ...LINK_FLAGS,
  timeout: {
    schema: seconds,
    default: 0,
    describe: 'Seconds to wait for an address; 0 waits without limit',
  },
  carrierTimeout: {
    schema: seconds,
    default: 0,
    describe: 'Seconds to wait for a link with a carrier; 0 waits without limit',
  },
} as const satisfies Table;
export type AcquireFlags = Values<typeof ACQUIRE_FLAGS>;

import { hostname } from 'node:os';

import { memory, call } from '../call.ts';
import type { Probes } from './probe.ts';

const CLOCK_REALTIME = 0;
const ADJ_SETOFFSET = 0x100;
const TIMEX_SIZE = 208;
const LINUX_REBOOT = [0xfee1dead, 672_274_793] as const;
const CAD_OFF = 0;
const SYSLOG_READ_ALL = 3;
const AF_PACKET = 17;
const SOCK_RAW = 3;

/** Opens a software clock that counts all processes of one processor. */
export function openPerf(): void {
  const attributes = Buffer.alloc(112);
  attributes.writeUInt32LE(1, 0);
  attributes.writeUInt32LE(attributes.length, 4);
  call('close', call('perf_event_open', attributes, -1, 0, -1, 0));
}

/** Attempts that a capability allows by definition. Pod Security, not the node, keeps capabilities from pods. */
export const ALLOWED: Probes = {
  reboot: () => {
    call('reboot', ...LINUX_REBOOT, CAD_OFF, null);
  },
  clock: () => {
    const timex = Buffer.alloc(TIMEX_SIZE); // An offset of zero.
    timex.writeUInt32LE(ADJ_SETOFFSET, 0);
    call('clock_adjtime', CLOCK_REALTIME, timex);
  },
  hostname: () => {
    const name = hostname();
    call('sethostname', name, name.length);
  },
  'kernel-log': () => {
    call('syslog', SYSLOG_READ_ALL, new Uint8Array(4096), 4096);
  },
  performance: openPerf,
  'packet-socket': () => {
    call('close', call('socket', AF_PACKET, SOCK_RAW, 0));
  },
  swap: () => {
    call('swapon', '/kios-probe', 0); // ENOENT: only a caller without the capability gets EPERM.
  },
  'io-uring': () => {
    call('close', call('io_uring_setup', 1, memory(new Uint8Array(120))));
  },
};

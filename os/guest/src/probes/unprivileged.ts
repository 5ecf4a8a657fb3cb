import { closeSync, openSync } from 'node:fs';

import { returns, loadProgram } from '../bpf.ts';
import { call } from '../call.ts';
import { familyOf } from '../netlink.ts';
import { makeUserNamespace } from '../user-namespace.ts';
import { openPerf } from './allowed.ts';
import type { Probes } from './probe.ts';

const SOCKET_FILTER = 1;
const SYSLOG_READ_ALL = 3;
const AF_INET = 2;
const SOCK_STREAM = 1;
const IPPROTO_SCTP = 132;

/** Attempts of a process without root and capabilities. */
export const UNPRIVILEGED: Probes = {
  'nobody-user-namespace': makeUserNamespace,
  'nobody-bpf': () => {
    call('close', loadProgram({ type: SOCKET_FILTER, code: returns(0) }));
  },
  'nobody-performance': openPerf,
  'nobody-userfaultfd': () => {
    call('close', call('userfaultfd', 0));
  },
  'nobody-kernel-log': () => {
    call('syslog', SYSLOG_READ_ALL, new Uint8Array(4096), 4096);
  },
  'nobody-screen': () => closeSync(openSync('/dev/vcs1', 'r')),
  'nobody-module-sctp': () => {
    call('close', call('socket', AF_INET, SOCK_STREAM, IPPROTO_SCTP));
  },
  'nobody-module-unlisted': () => void familyOf('nbd'),
  'nobody-module-mount': () => {
    call('mount', 'none', '/tmp', 'kiosfs', 0, null);
  },
  'nobody-io-uring': () => {
    call('close', call('io_uring_setup', 1, new Uint8Array(120)));
  },
};

import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

import { call, memory } from '../call.ts';
import { elf32, elf64, EXIT_INT80, runFrom } from '../tiny-program.ts';
import { CLONE, HOST, MS, type Probes, SCRATCH, textOf } from './probe.ts';

const INIT = 1;
const PTRACE_SEIZE = 0x4206;
const SIGKILL = 9;

/** Returns the address of init's program text. */
const initText = (): number =>
  Number.parseInt(textOf(`/proc/${INIT}/maps`).split('-')[0] ?? '', 16);

function iovec(address: bigint, length: number): Uint8Array {
  const entry = Buffer.alloc(16);
  entry.writeBigUInt64LE(address, 0);
  entry.writeBigUInt64LE(BigInt(length), 8);
  return entry;
}

/** Returns the start time, in ticks, of a /proc/<pid>/stat. A new process with the same number has another. */
const startOf = (stat: string): string =>
  stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';

/** Enters the host's mount namespace and stays there: only for a process of its own. */
function enterHost(): void {
  call('unshare', CLONE.fs);
  const fd = openSync(`/proc/${INIT}/ns/mnt`, 'r');
  call('setns', fd, CLONE.newMount);
  closeSync(fd);
}

export const PROCESSES: Probes = {
  'init-trace': () => {
    call('ptrace', PTRACE_SEIZE, INIT, 0, 0);
  },
  'init-read-memory': () => {
    const into = memory(new Uint8Array(8));
    call('process_vm_readv', INIT, iovec(into.address, 8), 1, iovec(BigInt(initText()), 8), 1, 0);
  },
  'init-write-memory': () => {
    const fd = openSync(`/proc/${INIT}/mem`, 'r+');
    try {
      const same = Buffer.alloc(8);
      readSync(fd, same, 0, same.length, initText());
      writeSync(fd, same, 0, same.length, initText());
    } finally {
      closeSync(fd);
    }
  },
  'init-take-descriptor': () => {
    call('close', call('pidfd_getfd', call('pidfd_open', INIT, 0), 0, 0));
  },
  'init-kill': () => {
    const before = startOf(textOf(`/proc/${INIT}/stat`));
    call('kill', INIT, SIGKILL);
    return startOf(textOf(`/proc/${INIT}/stat`)) === before ? 'lives' : 'died';
  },
  'exec-32-bit': () => runFrom(SCRATCH, elf32(EXIT_INT80)),
  'call-32-bit': () => runFrom(SCRATCH, elf64(EXIT_INT80)),
};

/** Attempts that change their process: each runs in its own. */
export const APART: Probes = {
  'host-namespace': () => {
    enterHost();
    return readFileSync('/proc/self/mountinfo', 'utf8') === readFileSync(`/proc/${INIT}/mountinfo`, 'utf8') ? 'ok' : 'elsewhere'; // prettier-ignore
  },
  'program-cover': () => {
    enterHost();
    call('mount', '/bin/kubelet', '/bin/kubelet', null, MS.bind, null);
    call('umount2', '/bin/kubelet', 0);
  },
  pivot: () => {
    call('unshare', CLONE.newMount);
    call('pivot_root', HOST, `${HOST}/tmp`);
  },
  'network-namespace': () => {
    call('unshare', CLONE.newNet);
  },
};

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

import { call } from '../call.ts';
import { mounted } from '../mount.ts';
import { familyOf, NETLINK } from '../netlink.ts';
import { makeUserNamespace } from '../user-namespace.ts';
import { withDevice, withMisc } from './device-node.ts';
import { eachOf, type Features } from './feature.ts';
import { AF, SOCK, withSocket } from './sockets.ts';

const DM_LIST_VERSIONS = 0xc138fd0d;
const DM_HEADER = 312;
const LOOP_CTL_GET_FREE = 0x4c82;
const FAN_CLASS_CONTENT = 4;
const FAN_MARK_ADD = 1;
const FAN_OPEN_PERM = 0x10000;
const AT_FDCWD = -100;

/** Gives the device mapper a command, and a target's name if it takes one. Returns its reply (struct dm_ioctl). */
export function askDeviceMapper(command: number, target = ''): Buffer {
  const message = Buffer.alloc(16_384);
  message.writeUInt32LE(4, 0);
  message.writeUInt32LE(message.length, 12);
  message.writeUInt32LE(DM_HEADER, 16);
  message.write(target, 48);
  withMisc('device-mapper', (fd) => call('ioctl', fd, command, message));
  return message;
}

const deviceMapperTargets = (): string[] => [...targetsOf(askDeviceMapper(DM_LIST_VERSIONS))];

/** Yields the names of a list of struct dm_target_versions: offset of the next, three version numbers, name. */
function* targetsOf(reply: Buffer): Generator<string> {
  for (let at = DM_HEADER, step = -1; step !== 0; at += step) {
    step = reply.readUInt32LE(at);
    const end = reply.indexOf(0, at + 16);
    yield reply.toString('latin1', at + 16, end);
  }
}

const lineOf = (file: string): string[] => readFileSync(file, 'utf8').trim().split(/\s+/);

const has = (words: readonly string[], wanted: readonly string[]): string | void =>
  eachOf(wanted, (word) => (words.includes(word) ? 'ok' : 'absent'));

function overlay(): void {
  mounted('tmpfs', (base) => {
    for (const name of ['lower', 'upper', 'work']) mkdirSync(`${base}/${name}`);
    writeFileSync(`${base}/lower/file`, 'lower');
    const options = `lowerdir=${base}/lower,upperdir=${base}/upper,workdir=${base}/work`;
    mounted(
      'overlay',
      (folder) => {
        writeFileSync(`${folder}/file`, 'upper');
        rmSync(`${folder}/file`);
      },
      options,
    );
  });
}

function fuse(): void {
  withDevice('/dev/fuse', (fd) => {
    mounted('fuse', () => {}, `fd=${fd},rootmode=40000,user_id=0,group_id=0`);
  });
}

/** Has the kernel ask before it opens a file, which nobody opens. */
function guardFile(): void {
  const folder = mkdtempSync('/tmp/kios-guard-');
  try {
    writeFileSync(`${folder}/file`, '');
    const group = call('fanotify_init', FAN_CLASS_CONTENT, 0);
    try {
      call('fanotify_mark', group, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, `${folder}/file`);
    } finally {
      call('close', group);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const readable = (file: string) => (): void => void readFileSync(file);

export const DEVICES: Features = {
  overlay,
  fuse,
  'user namespace for root (hostUsers: false)': makeUserNamespace,
  'dm-crypt': () => has(deviceMapperTargets(), ['crypt']),
  'loop device': () => withDevice('/dev/loop-control', (fd) => call('ioctl', fd, LOOP_CTL_GET_FREE)), // prettier-ignore
  'file systems': () =>
    has(lineOf('/proc/filesystems'), ['ext4', 'vfat', 'iso9660', 'erofs', 'overlay', 'tmpfs', 'fuse', 'bpf', 'cgroup2', 'hugetlbfs', 'mqueue']), // prettier-ignore
  'control group controllers': () =>
    has(lineOf('/host/sys/fs/cgroup/cgroup.controllers'), ['cpu', 'cpuset', 'hugetlb', 'io', 'memory', 'pids']), // prettier-ignore
  'pressure figures': readable('/proc/pressure/memory'),
  'seccomp notifications': () => has(lineOf('/proc/sys/kernel/seccomp/actions_avail'), ['user_notif', 'errno', 'log']), // prettier-ignore
  'BBR congestion control': () => has(lineOf('/proc/sys/net/ipv4/tcp_available_congestion_control'), ['bbr', 'cubic']), // prettier-ignore
  'bridge netfilter': readable('/proc/sys/net/bridge/bridge-nf-call-iptables'),
  'connection tracking': readable('/proc/sys/net/netfilter/nf_conntrack_max'),
  IPsec: () => withSocket(AF.netlink, SOCK.raw, NETLINK.xfrm, () => {}),
  'WireGuard settings': () => void familyOf('wireguard'),
  'kernel types (BTF)': readable('/sys/kernel/btf/vmlinux'),
  'files that a program guards': guardFile,
  'input and output of a process': () => has(lineOf('/proc/self/io'), ['read_bytes:', 'write_bytes:']), // prettier-ignore
  'equal pages of programs': readable('/sys/kernel/mm/ksm/run'),
  'memory that is plugged in': () => has(lineOf('/sys/devices/system/memory/auto_online_blocks'), ['online']), // prettier-ignore
};

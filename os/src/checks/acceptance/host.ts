import { readFile } from 'node:fs/promises';

import type { HostFacts, HostProcess } from '../../../guest/src/host-facts.ts';
import { demand, type Assertion } from './assertion.ts';
import { reasonFor } from './executables.ts';
import { formatListener, LISTENERS, matches, purposeOf } from './listeners.ts';

const BIN = [
  'containerd',
  'containerd-shim-runc-v2',
  'init',
  'journalctl',
  'kubelet',
  'modprobe',
  'mount',
  'runc',
  'umount',
];
const HOST_PROGRAMS = ['/bin/containerd', '/bin/init', '/bin/kubelet'];
const LOOKS = 4;
/** A part of the host that init could not prepare: the node goes on without it. */
const UNPREPARED = /^init: .*"ev":"(?:host|sysctl)\.failed"/;
/** docs/host-api.md section 8. */
const INITRAMFS_FILE = '/root.erofs';
const SHIM = '/bin/containerd-shim-runc-v2';

/** Returns the processes of the host itself: not those of the kernel, of containers, or pods' shims. */
export const hostProcesses = ({ processes }: HostFacts): HostProcess[] =>
  processes.filter((entry) => !entry.kernel && entry.onHost && entry.exe !== SHIM);

const isBare = (processes: readonly HostProcess[]): boolean =>
  processes
    .map(({ exe }) => exe)
    .toSorted()
    .join(' ') === HOST_PROGRAMS.join(' ');

export const HOST_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'init prepared every part of the host',
    check: async ({ machine }) => {
      const lines = (await readFile(machine.file('hostLogs'), 'utf8')).split('\n');
      const started = lines.filter((line) => line.startsWith('init: '));
      demand(started.length > 0, 'the host’s log has no line of init');
      const failed = started.filter((line) => UNPREPARED.test(line));
      demand(failed.length === 0, failed.join('\n'));
      return `${started.length} lines of init`;
    },
  },
  {
    name: 'the host runs init, containerd and kubelet, and nothing else',
    check: async ({ lookAtHost }) => {
      let found = hostProcesses(await lookAtHost());
      // containerd briefly runs runc and CNI plugins while a pod starts or ends.
      for (let looks = 1; looks < LOOKS && !isBare(found); looks += 1)
        found = hostProcesses(await lookAtHost('afresh'));
      const list = found.map(({ pid, exe, name }) => `${exe || name} (${pid})`).join(', ');
      demand(isBare(found), `it runs ${list}`);
      return list;
    },
  },
  {
    name: '/bin has the nine names',
    check: async ({ lookAtHost }) => {
      const { bin } = await lookAtHost();
      demand(bin.join(' ') === BIN.join(' '), `it has ${bin.join(', ')}`);
      return bin.join(' ');
    },
  },
  {
    name: 'every file with an execute bit, wherever it lies, is one of those the node needs, and none is a script',
    check: async ({ lookAtHost }) => {
      const { executables } = await lookAtHost();
      const strangers = executables.filter((file) => reasonFor(file) === undefined);
      demand(strangers.length === 0, `there are ${strangers.slice(0, 10).map(({ path, kind }) => `${path} (${kind})`).join(', ')}`); // prettier-ignore
      return `${executables.length} files`;
    },
  },
  {
    name: 'the root is a read-only EROFS in RAM: a file of the initramfs, on no block device',
    check: async ({ lookAtHost }) => {
      const { root } = await lookAtHost();
      const seen = `${root.type} from ${root.source} on ${root.device}, ${root.options}`;
      demand(root.type === 'erofs' && root.options.split(',').includes('ro'), seen);
      demand(root.source === INITRAMFS_FILE && root.device.startsWith('0:'), seen);
      return seen;
    },
  },
  {
    name: 'after joining, each socket that listens on the host is one of those the node needs',
    check: async ({ lookAtHost }) => {
      const { listeners } = await lookAtHost();
      const seen = listeners.map(formatListener);
      const strangers = listeners.filter((listener) => purposeOf(listener) === undefined);
      demand(strangers.length === 0, `there are ${strangers.map(formatListener).join(', ')}`);
      const missing = LISTENERS.filter((known) => known.always && !listeners.some(matches(known)));
      demand(missing.length === 0, `nobody listens for ${missing.map(({ why }) => why).join(', ')}; there are ${seen.join(', ')}`); // prettier-ignore
      return seen.join(', ');
    },
  },
  {
    name: "chronyd asks the node's own name servers, not those of before the network",
    check: async ({ lookAtHost }) => {
      const { host, chronyd, link } = (await lookAtHost()).names;
      demand(link === '/run/kios/net/resolv.conf', `its /etc/resolv.conf is ${link || 'no link'}`);
      demand(chronyd !== '' && chronyd === host, `it sees ${JSON.stringify(chronyd)}, the node ${JSON.stringify(host)}`); // prettier-ignore
      return host.trim().replaceAll('\n', ', ');
    },
  },
];

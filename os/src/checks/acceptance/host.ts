import { demand, type Assertion } from './assertion.ts';
import type { HostFacts, HostProcess, Listener } from './host-facts.ts';

const BIN = ['containerd', 'containerd-shim-runc-v2', 'init', 'kubelet', 'mount', 'runc', 'umount'];
const HOST_PROGRAMS = ['/bin/containerd', '/bin/init', '/bin/kubelet'];
const LOOKS = 4;
const SHIM = '/bin/containerd-shim-runc-v2';

/** Returns the processes of the host itself: not those of the kernel, of containers, or pods' shims. */
export const hostProcesses = ({ processes }: HostFacts): HostProcess[] =>
  processes.filter((entry) => !entry.kernel && entry.onHost && entry.exe !== SHIM);

const isBare = (processes: readonly HostProcess[]): boolean =>
  processes
    .map(({ exe }) => exe)
    .toSorted()
    .join(' ') === HOST_PROGRAMS.join(' ');

const isLoopback = ({ address }: Listener): boolean =>
  address.startsWith('127.') || address === '0000:0000:0000:0000:0000:0000:0000:0001';

export const openListeners = ({ listeners }: HostFacts): string[] =>
  listeners
    .filter((listener) => !isLoopback(listener))
    .map(({ protocol, address, port }) => `${protocol} ${address}:${port}`);

export const HOST_ASSERTIONS: readonly Assertion[] = [
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
    name: '/bin has the seven names',
    check: async ({ lookAtHost }) => {
      const { bin } = await lookAtHost();
      demand(bin.join(' ') === BIN.join(' '), `it has ${bin.join(', ')}`);
      return bin.join(' ');
    },
  },
  {
    name: 'nothing else in the host’s root is executable',
    check: async ({ lookAtHost }) => {
      const { executables } = await lookAtHost();
      const others = executables.filter((file) => !file.startsWith('/bin/'));
      demand(others.length === 0, `there are ${others.slice(0, 10).join(', ')}`);
      return `${executables.length} executable files, all in /bin`;
    },
  },
  {
    name: 'the root is read-only',
    check: async ({ lookAtHost }) => {
      const { rootOptions, rootType } = await lookAtHost();
      demand(rootOptions.split(',').includes('ro'), `${rootType} mounted ${rootOptions}`);
      return `${rootType} ${rootOptions}`;
    },
  },
];

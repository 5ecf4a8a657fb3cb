import { describe, expect, it } from 'vitest';

import type { HostFacts, HostProcess } from '../../../../guest/src/host-facts.ts';
import { demand } from '../../../../src/checks/acceptance/assertion.ts';
import { capabilityNames } from '../../../../src/checks/acceptance/capabilities.ts';
import { reasonFor } from '../../../../src/checks/acceptance/executables.ts';
import { hostProcesses } from '../../../../src/checks/acceptance/host.ts';
import { purposeOf } from '../../../../src/checks/acceptance/listeners.ts';
import { checkAll } from '../../../../src/checks/acceptance/run.ts';
import { silent } from '../../../../src/workstation/progress.ts';

const process = (exe: string, more: Partial<HostProcess> = {}): HostProcess => ({
  pid: 1,
  ppid: 0,
  name: exe,
  exe,
  kernel: false,
  onHost: true,
  cgroup: '',
  startTicks: 0,
  capabilities: { permitted: '0', effective: '0', bounding: '0', inheritable: '0', ambient: '0' },
  noNewPrivileges: true,
  seccomp: 2,
  ...more,
});

const facts = (more: Partial<HostFacts>): HostFacts => ({
  processes: [],
  listeners: [],
  containers: [],
  root: { type: 'erofs', options: 'ro', source: '/root.erofs', device: '0:17' },
  bin: [],
  executables: [],
  names: { host: '', chronyd: '', link: '' },
  ...more,
});

it.each([
  ['0', []],
  ['0000000000003000', ['NET_ADMIN', 'NET_RAW']],
  ['10000', ['SYS_MODULE']],
  ['8000000000000000', ['bit 63']],
])('capability mask %s is %j', (mask, names) => {
  expect(capabilityNames(mask)).toEqual(names);
});

it('processes of containers, shims and the kernel are not the host’s', () => {
  const found = hostProcesses(
    facts({
      processes: [
        process('/bin/init'),
        process('', { kernel: true }),
        process('/bin/containerd-shim-runc-v2'),
        process('/bin/bun', { onHost: false }),
        process('/bin/sh'),
      ],
    }),
  );
  expect(found.map(({ exe }) => exe)).toEqual(['/bin/init', '/bin/sh']);
});

const ANY6 = '0000:0000:0000:0000:0000:0000:0000:0000';

it.each([
  ['tcp6', ANY6, 10250, '/bin/kubelet', true],
  ['tcp', '0.0.0.0', 10250, '/bin/bun', false],
  ['tcp', '0.0.0.0', 10255, '/bin/kubelet', false],
  ['tcp', '127.0.0.1', 40001, '/bin/containerd', true],
  ['tcp', '10.0.2.15', 40001, '/bin/containerd', false],
  ['udp', '10.0.2.15', 68, '/bin/bun', true],
  ['udp', '0.0.0.0', 123, '/usr/sbin/chronyd', false],
  ['udp6', ANY6, 68, '', false],
])('%s %s:%i of %s may listen: %j', (protocol, address, port, program, expected) => {
  expect(purposeOf({ protocol, address, port, program }) !== undefined).toBe(expected);
});

const LAYER = '/lib/kios/store/io.containerd.snapshotter.v1.overlayfs/snapshots/3/fs';

it.each([
  ['/bin/runc', 'program', true],
  ['/bin/sh', 'program', false],
  ['/bin/runc', 'script', false],
  [`${LAYER}/bin/bun`, 'program', true],
  [`${LAYER}/bin/dash`, 'program', false],
  [`${LAYER}/usr/lib/x86_64-linux-gnu/libstdc++.so.6`, 'program', true],
  [`${LAYER}/cni/bin/bridge`, 'program', true],
  ['/opt/cni/bin/bridge', 'program', true],
  ['/opt/cni/bin/busybox', 'program', false],
  ['/var/lib/kubelet/plugins/x', 'program', false],
  ['/var/lib/kios/credential-providers/x', 'program', false],
  ['/run/kios/seed/cidata/user-data', 'other', true],
  ['/run/kios/seed/cidata/user-data', 'script', false],
] as const)('%s, a %s, may be executable: %j', (file, kind, expected) => {
  expect(reasonFor({ path: file, kind }) !== undefined).toBe(expected);
});

describe('checking', () => {
  const signal = new AbortController().signal;

  it('continues after a claim that does not hold, and keeps what each check saw', async () => {
    const outcomes = await checkAll(
      [
        { name: 'false', check: async () => (demand(false, 'seen otherwise'), '') },
        { name: 'true', check: async () => 'seen' },
      ],
      undefined,
      { progress: silent, signal },
    );
    expect(outcomes).toEqual([
      { name: 'false', held: false, detail: 'seen otherwise' },
      { name: 'true', held: true, detail: 'seen' },
    ]);
  });
});

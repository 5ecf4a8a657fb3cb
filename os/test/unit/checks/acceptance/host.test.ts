import { describe, expect, it } from 'vitest';

import { demand } from '../../../../src/checks/acceptance/assertion.ts';
import { capabilityNames } from '../../../../src/checks/acceptance/capabilities.ts';
import type { HostFacts, HostProcess } from '../../../../src/checks/acceptance/host-facts.ts';
import { hostProcesses, openListeners } from '../../../../src/checks/acceptance/host.ts';
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
  capabilities: { permitted: '0', effective: '0', bounding: '0' },
  ...more,
});

const facts = (more: Partial<HostFacts>): HostFacts => ({
  processes: [],
  listeners: [],
  rootOptions: 'ro',
  rootType: 'erofs',
  bin: [],
  executables: [],
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

it('a socket is open to the network unless it is bound to loopback', () => {
  const listeners = [
    { protocol: 'tcp', address: '127.0.0.1', port: 1 },
    { protocol: 'tcp6', address: '0000:0000:0000:0000:0000:0000:0000:0001', port: 2 },
    { protocol: 'tcp', address: '0.0.0.0', port: 10250 },
  ];
  expect(openListeners(facts({ listeners }))).toEqual(['tcp 0.0.0.0:10250']);
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

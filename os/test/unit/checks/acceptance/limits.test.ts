import { expect, it } from 'vitest';

import type { ContainerFacts } from '../../../../guest/src/container-facts.ts';
import type { HostProcess } from '../../../../guest/src/host-facts.ts';
import { processFault, specFault } from '../../../../src/checks/acceptance/limits.ts';

const WANTED = ['NET_ADMIN', 'NET_RAW'];
const NAMES = ['CAP_NET_RAW', 'CAP_NET_ADMIN'];
type Spec = ContainerFacts['spec'];

const sets: Spec['process']['capabilities'] = {
  permitted: NAMES,
  effective: NAMES,
  bounding: NAMES,
  inheritable: [],
  ambient: [],
};

const container = (change: (spec: Spec) => Spec): ContainerFacts => ({
  namespace: 'kube-system',
  pod: 'dhcp-kios',
  podUid: 'uid',
  sandbox: 'sandbox',
  name: 'acquire',
  id: 'id',
  state: 'exited',
  exitCode: 0,
  spec: change({
    process: { user: { uid: 0 }, noNewPrivileges: true, capabilities: sets },
    root: { readonly: true },
    linux: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } },
  }),
});

const withSets = (changed: Partial<typeof sets>) =>
  container((spec) => ({
    ...spec,
    process: { ...spec.process, capabilities: { ...sets, ...changed } },
  }));

it('a container that was started as its manifest says has no fault', () => {
  expect(
    specFault(
      container((spec) => spec),
      WANTED,
    ),
  ).toBeUndefined();
});

it.each([
  ['one more capability', withSets({ permitted: [...NAMES, 'CAP_SYS_ADMIN'] }), /permitted set/],
  ['one less', withSets({ effective: ['CAP_NET_RAW'] }), /effective set/],
  ['a capability that children keep', withSets({ ambient: ['CAP_NET_RAW'] }), /ambient set/],
  [
    'no seccomp filter',
    container((spec) => ({ ...spec, linux: { seccomp: undefined } })),
    /no seccomp/,
  ],
  [
    'a filter that allows by default',
    container((spec) => ({ ...spec, linux: { seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } } })),
    /no seccomp/,
  ],
  [
    'a way to new privileges',
    container((spec) => ({ ...spec, process: { ...spec.process, noNewPrivileges: false } })),
    /gain privileges/,
  ],
  [
    'a root that it can write',
    container((spec) => ({ ...spec, root: { readonly: false } })),
    /can be written/,
  ],
])('a container with %s has a fault', (_, found, fault) => {
  expect(specFault(found, WANTED)).toMatch(fault);
});

const process = (more: Partial<HostProcess> = {}): HostProcess => ({
  pid: 7,
  ppid: 1,
  name: 'bun',
  exe: '/bin/bun',
  kernel: false,
  onHost: false,
  cgroup: '',
  startTicks: 0,
  capabilities: {
    permitted: '3000',
    effective: '3000',
    bounding: '3000',
    inheritable: '0',
    ambient: '0',
  },
  noNewPrivileges: true,
  seccomp: 2,
  ...more,
});

it('a process with the capabilities of its manifest has no fault', () => {
  expect(processFault(process(), WANTED)).toBeUndefined();
});

it.each([
  [{ seccomp: 0 }, /no seccomp/],
  [{ noNewPrivileges: false }, /gain privileges/],
  [
    { capabilities: { ...process().capabilities, bounding: '203000' } },
    /bounding set \[.*SYS_ADMIN/,
  ],
])('a process with %j has a fault', (more, fault) => {
  expect(processFault(process(more), WANTED)).toMatch(fault);
});

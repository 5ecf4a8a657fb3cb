import { describe, expect, it } from 'vitest';

import type { Facts, HostFacts, NodeFacts, PodFacts } from '../../../../src/fleet/doctor/facts.ts';
import { findings, notes } from '../../../../src/fleet/doctor/findings.ts';
import { summarise } from '../../../../src/fleet/doctor/summary.ts';

const NOW = Date.parse('2026-11-29T12:00:00Z');

const condition = (type: string, status: string, message = '', reason = '') => ({
  type,
  status,
  message,
  reason,
  lastTransitionTime: '',
});

const NODE: NodeFacts = {
  metadata: { name: 'node-1', creationTimestamp: '' },
  spec: { unschedulable: false },
  status: {
    conditions: [
      condition('Ready', 'True', 'kubelet is posting ready status'),
      condition('DiskPressure', 'False'),
      condition('KiosNetwork', 'True', 'The node has its network.'),
      condition('KernelDeadlock', 'False'),
      condition('ClockSynchronized', 'True'),
    ],
    addresses: [{ type: 'InternalIP', address: '192.0.2.7' }],
    nodeInfo: {
      kubeletVersion: 'v1.36.3',
      kernelVersion: '6.12.1',
      osImage: 'kiOS 0.1.0',
      containerRuntimeVersion: 'containerd://2.4.2',
      architecture: 'amd64',
    },
  },
};

const HOST: HostFacts = {
  v: 1,
  up: 100,
  addresses: ['192.0.2.7'],
  programs: [{ name: 'kubelet', starts: 2, ends: 0 }],
  last: [],
  boot: { version: '0.1.0', kernel: '6.12.1', data: 'partition' },
  clock: { sane: true, synced: true, source: '192.0.2.1', offset: 0.001 },
  faults: { faults: [] },
  mounts: [{}],
  loadedModules: ['ext4', 'xfs'],
};

const pod = (phase: string, state: PodFacts['status']['containerStatuses'][number]['state'], restartCount = 0): PodFacts => ({
  metadata: { namespace: 'kube-system', name: 'dhcp-node-1', annotations: { 'kubernetes.io/config.mirror': 'x' } },
  status: {
    phase,
    initContainerStatuses: [],
    containerStatuses: [{ name: 'dhcp', ready: false, restartCount, state, lastState: { terminated: { reason: 'OOMKilled', exitCode: 137, finishedAt: '2026-11-29T11:00:00Z' } } }],
  },
}); // prettier-ignore

/** A pod whose first container, before its others, has this state. */
const starting = (state: PodFacts['status']['containerStatuses'][number]['state'], restartCount = 0): PodFacts => {
  const { metadata, status } = pod('Pending', { waiting: { reason: 'PodInitializing' } });
  const initContainerStatuses = status.containerStatuses.map((one) => ({ ...one, name: 'acquire', state, restartCount }));
  return { metadata, status: { ...status, initContainerStatuses } };
}; // prettier-ignore

const WELL: Facts = {
  name: 'node-1',
  node: NODE,
  isAbsent: false,
  server: 'v1.36.3',
  leaseSeconds: 9,
  pods: [pod('Running', {})],
  events: [],
  requests: [],
  host: HOST,
  aheadSeconds: 1,
  now: NOW,
  isKubeletReached: true,
};

const withConditions = (...conditions: NodeFacts['status']['conditions']): Facts => ({
  ...WELL,
  node: { ...NODE, status: { ...NODE.status, conditions } },
});

const kubelet = (kubeletVersion: string): Facts => ({
  ...WELL,
  node: { ...NODE, status: { ...NODE.status, nodeInfo: { ...NODE.status.nodeInfo!, kubeletVersion } } },
}); // prettier-ignore

it('nothing is wrong with a node that is well', () => {
  expect(findings(WELL)).toEqual([]);
  expect(summarise(WELL, []).lines[0]).toBe('Nothing is known to be wrong with node-1.');
});

describe('what is wrong', () => {
  it.each<[string, Facts, string]>([
    ['a node that is not ready', withConditions(condition('Ready', 'False', 'x', 'KubeletNotReady')), 'Ready is False (KubeletNotReady): x.'],
    ['a node that is silent', withConditions(condition('Ready', 'Unknown', 'y')), 'Ready is Unknown: y.'],
    ['pressure', withConditions(condition('DiskPressure', 'True', 'z')), 'DiskPressure is True: z.'],
    ['a fault that the node tells', withConditions(condition('KiosClock', 'False', 'KIOS_FAULT_CLOCK: w.')), 'KiosClock is False: KIOS_FAULT_CLOCK: w.'],
    ['a clock that its condition calls wrong', withConditions(condition('ClockSynchronized', 'False', 'u', 'NoTimeSource')), 'ClockSynchronized is False (NoTimeSource): u.'],
    ['a condition that others set', withConditions(condition('KernelDeadlock', 'True', 'v')), 'KernelDeadlock is True: v.'],
    ['a node that the cluster does not know', { ...WELL, node: undefined, isAbsent: true }, 'The cluster has no node node-1'],
    ['a request that waits', { ...WELL, requests: [{ metadata: { name: 'csr-1' }, status: { conditions: [] } }] }, 'kubectl certificate approve csr-1.'],
    ['a lease that is old', { ...WELL, leaseSeconds: 60 }, 'renewed its lease 60 s ago'],
    ['kubelet that is not reached', { ...WELL, isKubeletReached: false }, 'does not reach kubelet'],
    ['a clock that is behind', { ...WELL, aheadSeconds: -90 }, '90 s behind the API server'],
    ['a clock that is ahead', { ...WELL, aheadSeconds: 6 }, '6 s ahead of the API server'],
    ['a clock without a source', { ...WELL, host: { ...HOST, clock: { sane: true, synced: false, source: '' } } }, 'follows no time source'],
    ['a clock that is wrong', { ...WELL, host: { ...HOST, clock: { sane: false, synced: false, source: '' } } }, 'cannot be right'],
    ['kubelet that is newer', kubelet('v1.37.0'), 'is newer than the API server'],
    ['kubelet that is too old', kubelet('v1.32.9'), 'more than 3 minor versions older'],
    ['a fault in the node’s own file', { ...WELL, host: { ...HOST, faults: { faults: [{ code: 'KIOS_FAULT_DNS', cause: 'ask 10.0.2.3', remedy: 'See.', by: '' }] } } }, 'The node cannot ask 10.0.2.3. See. [KIOS_FAULT_DNS]'],
    ['a pod that crashes', { ...WELL, pods: [pod('Running', { waiting: { reason: 'CrashLoopBackOff' } })] }, 'dhcp: CrashLoopBackOff.'],
    ['a pod that crashes before its containers start', { ...WELL, pods: [starting({ waiting: { reason: 'CrashLoopBackOff' } })] }, 'acquire: CrashLoopBackOff.'],
    ['a pod that failed', { ...WELL, pods: [pod('Failed', {})] }, 'The pod dhcp-node-1 is Failed.'],
  ])('%s', (_, facts, words) => {
    const found = findings(facts);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(words);
    expect(summarise(facts, []).lines.slice(0, 2)).toEqual(['Wrong with node-1:', `  ${found[0]}`]);
  }); // prettier-ignore

  it('is told once when condition and file have the same fault', () => {
    const facts = withConditions(condition('KiosNetwork', 'False', 'KIOS_FAULT_DNS: cannot ask.'));
    const fault = { code: 'KIOS_FAULT_DNS', cause: 'ask', remedy: 'See.', by: '' };
    expect(findings({ ...facts, host: { ...HOST, faults: { faults: [fault] } } })).toHaveLength(1);
  });

  it.each<[string, Facts, HostFacts]>([
    ['by its conditions', withConditions(condition('KiosClock', 'False', 'KIOS_FAULT_CLOCK_UNSYNCED: no.'), condition('ClockSynchronized', 'False', 'u')), HOST],
    ['by its own file', withConditions(condition('ClockSynchronized', 'False', 'u')), { ...HOST, faults: { faults: [{ code: 'KIOS_FAULT_CLOCK_UNSYNCED', cause: 'set the clock', remedy: 'See.', by: '' }] } }],
    ['before it is a fault', withConditions(condition('ClockSynchronized', 'False', 'u')), HOST],
  ])('is told once when the clock follows nothing, %s', (_, facts, host) => {
    const clock = { sane: true, synced: false, source: '' };
    expect(findings({ ...facts, host: { ...host, clock } })).toHaveLength(1);
  }); // prettier-ignore

  it('has both clocks at fault when the cluster’s certificate is of another time', () => {
    const other = condition('KiosClock', 'False', 'KIOS_FAULT_API_TIME: cannot trust.');
    const facts = withConditions(other, condition('ClockSynchronized', 'False', 'u'));
    expect(findings(facts)).toHaveLength(2);
  });

  it('is not that a node has no disk', () => {
    const inRam = condition('StateInMemory', 'True', 'All state is in memory.', 'NoDataPartition');
    expect(findings(withConditions(inRam))).toEqual([]);
    const failed = condition('StateInMemory', 'True', 'It is damaged.', 'DataPartitionFailed');
    expect(findings(withConditions(failed))).toHaveLength(1);
  });

  it('is not that a pod starts', () => {
    const created = pod('Running', { waiting: { reason: 'ContainerCreating' } });
    expect(findings({ ...WELL, pods: [created] })).toEqual([]);
  });
});

it('what may explain it are restarts, warnings of the last hour and what init said', () => {
  const event = { type: 'Warning', reason: 'BackOff', count: 3, lastTimestamp: '2026-11-29T11:59:00Z', eventTime: '', involvedObject: { kind: 'Pod', name: 'dhcp-node-1' } }; // prettier-ignore
  const told = notes({
    ...WELL,
    node: { ...NODE, spec: { unschedulable: true } },
    pods: [pod('Running', {}, 4), starting({}, 2)],
    events: [
      { ...event, message: 'restarting failed container' },
      { ...event, message: 'long ago', lastTimestamp: '2026-11-29T10:00:00Z' },
      {
        ...event,
        message: 'of another node',
        involvedObject: { kind: 'Pod', name: 'dhcp-node-2' },
      },
      { ...event, message: 'normal', type: 'Normal' },
    ],
    host: {
      ...HOST,
      boot: { version: '', kernel: '', data: 'ram' },
      programs: [{ name: 'kubelet', starts: 3, ends: 2 }],
      last: [{ code: 'KIOS_INIT_DATA', cause: 'mount it', remedy: '', by: 'init' }],
    },
  });
  expect(told).toEqual([
    'The node takes no new pods: it is cordoned.',
    "The node's state is in RAM and lost at a reboot.",
    'kubelet has ended 2 times by itself in this boot.',
    'In this boot init said KIOS_INIT_DATA: cannot mount it.',
    'dhcp-node-1: dhcp was started again 4 times, the last time at 2026-11-29T11:00:00Z by OOMKilled, code 137.',
    'dhcp-node-1: acquire was started again 2 times, the last time at 2026-11-29T11:00:00Z by OOMKilled, code 137.',
    'dhcp-node-1: BackOff (3×): restarting failed container.',
  ]);
});

it('the summary has no characters that a terminal obeys', () => {
  const facts = withConditions(condition('KiosClock', 'False', 'a\u001B[2Jb'));
  expect(summarise(facts, []).lines[1]).toContain('ab');
});

const lacking = (file: string) => ({ file, path: '/x', ms: 1, outcome: 'not asked' as const, cause: 'nobody is there' }); // prettier-ignore

it('the summary names what the bundle lacks, and why', () => {
  const { lines } = summarise(WELL, [lacking('a.txt'), lacking('b.txt'), { file: 'c', path: '/', ms: 1, outcome: 'there' }]); // prettier-ignore
  expect(lines.slice(-2)).toEqual([
    'Not in the bundle:',
    '  a.txt, b.txt: not asked: nobody is there',
  ]);
});

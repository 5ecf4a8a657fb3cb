import { expect, it } from 'vitest';

import {
  formatLeasePatch,
  formatNodePatch,
  leaseView,
  nodeView,
  peerOf,
  podView,
  roomBeside,
  formatTurn,
  TURN,
} from '../src/index.ts';
import { node, turn } from './objects.ts';

const meta = { name: 'p', namespace: 'n', uid: 'u' };
const owner = (kind: string) => [{ kind, controller: true }];

it('a Node that lacks all that may be absent is neither ready nor cordoned', () => {
  expect(nodeView({ metadata: { name: 'a', annotations: null } })).toEqual({
    name: 'a',
    resourceVersion: '',
    annotations: {},
    isCordoned: false,
    isReady: false,
    isSilent: false,
    bootId: '',
  });
});

it('reads a Node', () => {
  const conditions = [
    { type: 'MemoryPressure', status: 'False' },
    { type: 'Ready', status: 'True' },
  ];
  const object = {
    metadata: { name: 'a', resourceVersion: '3', annotations: { k: 'v' } },
    spec: { unschedulable: true },
    status: { conditions, nodeInfo: { bootID: 'b' } },
  };
  expect(nodeView(object)).toEqual({
    name: 'a',
    resourceVersion: '3',
    annotations: { k: 'v' },
    isCordoned: true,
    isReady: true,
    isSilent: false,
    bootId: 'b',
  });
});

it.each([
  ['Unknown', true],
  ['False', false],
])('a Node whose Ready is %s is silent: %s', (status, isSilent) => {
  const conditions = [{ type: 'Ready', status }];
  expect(nodeView({ metadata: { name: 'a' }, status: { conditions } }).isSilent).toBe(isSilent);
});

it.each([
  ['of a ReplicaSet', { ...meta, ownerReferences: owner('ReplicaSet') }, 'Running', 'goes'],
  ['of a DaemonSet', { ...meta, ownerReferences: owner('DaemonSet') }, 'Running', 'stays'],
  ['of nobody', { ...meta, ownerReferences: null }, 'Running', 'lost'],
  ['that an owner does not control', { ...meta, ownerReferences: [{ kind: 'X' }] }, '', 'lost'],
  ['of a finished Job', { ...meta, ownerReferences: owner('Job') }, 'Succeeded', 'stays'],
  ['that is finished and of nobody', meta, 'Failed', 'stays'],
  [
    'that is static',
    {
      ...meta,
      annotations: { 'kubernetes.io/config.mirror': 'x' },
      ownerReferences: owner('Node'),
    },
    'Running',
    'stays',
  ],
])('a pod %s has its fate', (_, metadata, phase, fate) => {
  expect(podView({ metadata, status: { phase } }).fate).toBe(fate);
});

it('a pod with a time of deletion is on its way', () => {
  const metadata = { ...meta, deletionTimestamp: '2026-11-28T10:00:00Z' };
  expect(podView({ metadata }).isTerminating).toBe(true);
});

it('a Lease names its holders, or none', () => {
  const metadata = { resourceVersion: '5' };
  expect(leaseView({ metadata, spec: {} }).holders).toEqual([]);
  expect(leaseView({ metadata }).holders).toEqual([]);
  expect(leaseView({ metadata, spec: { holderIdentity: 'a,b' } }).holders).toEqual(['a', 'b']);
});

it('patches carry the version that was read', () => {
  expect(JSON.parse(formatLeasePatch({ resourceVersion: '5', holders: ['a', 'b'] }))).toEqual({
    metadata: { resourceVersion: '5' },
    spec: { holderIdentity: 'a,b' },
  });
  expect(JSON.parse(formatLeasePatch({ resourceVersion: '5', holders: [] }))).toMatchObject({
    spec: { holderIdentity: null },
  });
  const patch = { resourceVersion: '7', annotations: { x: null }, unschedulable: false };
  expect(JSON.parse(formatNodePatch(patch))).toEqual({
    metadata: { resourceVersion: '7', annotations: { x: null } },
    spec: { unschedulable: null },
  });
});

it('counts holders and silent nodes as away, and not those that are gone or off by request', () => {
  const off = formatTurn(turn({ action: 'poweroff', phase: 'stopping' }));
  const peers = [
    node({ name: 'a', isReady: false }),
    node({ name: 'held' }),
    node({ name: 'silent', isReady: false }),
    node({ name: 'off', isReady: false, isSilent: true, annotations: { [TURN]: off } }),
    node({ name: 'ending', isReady: false, annotations: { [TURN]: off } }),
    node({ name: 'going', annotations: { [TURN]: off } }),
  ].map(peerOf);
  expect(roomBeside('a', ['held', 'off', 'ending', 'going', 'deleted'], peers)).toEqual({
    holders: ['held', 'ending', 'going'],
    away: ['held', 'ending', 'going', 'silent'],
  });
});

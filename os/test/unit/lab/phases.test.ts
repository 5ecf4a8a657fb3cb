import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { kernelStart, phaseRows, phasesOf } from '../../../src/lab/phases.ts';
import type { SeenEvent } from '../../../src/lab/qemu/console.ts';
import { seedFor } from '../../../src/lab/seed-document.ts';

const POWER_ON = 1_000_000;
const KERNEL = POWER_ON + 8000;

const seen = (agent: string, ev: string, up: number, more: object = {}): SeenEvent => ({
  agent,
  ev,
  up,
  lvl: 'info',
  fields: { ...more },
  // The console is polled, so an event is seen up to 100 ms late.
  seenAt: KERNEL + up * 1000 + ((up * 37) % 100),
});

const boot = [
  seen('init', 'init.start', 2),
  seen('init', 'kubelet.start', 3, { mode: 'standalone' }),
  seen('dhcp', 'start', 5),
  seen('init', 'kubelet.start', 9, { mode: 'cluster' }),
];

const at = (name: string, readyAt?: number): number | undefined =>
  phasesOf(boot, POWER_ON, readyAt).find((phase) => phase.name === name)?.at;

it('takes the earliest estimate of the kernel’s start', () => {
  expect(Math.abs((kernelStart(boot) ?? 0) - KERNEL)).toBeLessThan(100);
  expect(kernelStart([])).toBeUndefined();
});

it('counts every phase from power-on, by the guest’s clock', () => {
  expect(at('firmware')).toBeCloseTo(8, 0);
  expect(at('kernel')).toBeCloseTo(10, 0);
  expect(at('first static pod')).toBeCloseTo(13, 0);
});

it('counts the node as joined when kubelet starts in cluster mode, not before', () => {
  expect(at('joined')).toBeCloseTo(17, 0);
});

it('lists reached phases in order of time and missing ones after them', () => {
  const rows = phaseRows(phasesOf(boot, POWER_ON, POWER_ON + 20_000)).map(([name]) => name);
  expect(rows.slice(0, 3)).toEqual(['phase', 'firmware', 'kernel']);
  expect(rows.indexOf('Ready')).toBeLessThan(rows.indexOf('lease'));
});

it('puts what else a node is told into the document', () => {
  const join = {
    instanceId: 'i',
    endpoint: 'https://10.0.2.2:6443',
    caCertHash: 'sha256:ab',
    token: 't',
  };
  const network = { version: 2 };
  const seed = seedFor(join, {
    nodeIp: '192.0.2.1',
    network,
    kubelet: { clusterDNS: ['10.96.0.10'] },
  });
  expect(parse(seed['user-data'])).toMatchObject({
    node: { ip: '192.0.2.1' },
    network,
    kubelet: { config: { clusterDNS: ['10.96.0.10'] } },
  });
});

it('puts the cluster into the seed as a NodeBootstrap document', () => {
  const seed = seedFor({
    instanceId: 'kios-1',
    endpoint: 'https://10.0.2.2:6443',
    caCertHash: 'sha256:ab',
    token: 'abcdef.0123456789abcdef',
    nodeName: 'n',
  });
  expect(parse(seed['meta-data'])).toEqual({ 'instance-id': 'kios-1' });
  expect(parse(seed['user-data'])).toMatchObject({
    kind: 'NodeBootstrap',
    cluster: { endpoint: 'https://10.0.2.2:6443', caCertHashes: ['sha256:ab'] },
    auth: { bootstrapToken: 'abcdef.0123456789abcdef' },
    node: { name: 'n' },
  });
});

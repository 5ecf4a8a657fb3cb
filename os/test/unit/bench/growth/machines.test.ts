import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { furtherCards, lastLeaseOf } from '../../../../src/bench/growth/cards.ts';
import { manifests, memoryPerPod, podsPerMinute } from '../../../../src/bench/growth/density.ts';
import { growthIn, samplesOf } from '../../../../src/bench/growth/idle.ts';
import { harmlessModules } from '../../../../src/bench/growth/modules.ts';
import { copiesOfSingle, copyOfSingle, lastOf } from '../../../../src/bench/growth/pods.ts';
import type { SeenEvent } from '../../../../src/lab/qemu/console.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const event = (agent: string, ev: string, fields = {}): SeenEvent => ({
  agent,
  ev,
  lvl: 'info',
  up: 1,
  fields,
  seenAt: 0,
});

const Pod = v.object({
  metadata: v.object({ name: v.string(), namespace: v.string() }),
  spec: v.object({
    containers: v.array(
      v.object({
        image: v.string(),
        command: v.optional(v.array(v.string())),
        resources: v.object({ requests: v.object({ memory: v.string() }) }),
      }),
    ),
  }),
});
const podOf = (content: string | Uint8Array) => v.parse(Pod, parse(String(content)));

const contents = (entries: Awaited<ReturnType<typeof manifests>>) =>
  Object.values(entries).flatMap((entry) => ('content' in entry ? [entry.content] : []));

describe('many static pods', () => {
  it('a copy of the trivial pod differs in its name alone, and fits beside others', async () => {
    const single = await readFile(path.join(repository, 'bench/manifests/single.yaml'), 'utf8');
    const copy = podOf(copyOfSingle(single, 'single-007'));
    expect(copy.metadata).toEqual({ name: 'single-007', namespace: 'kube-system' });
    const [container] = copy.spec.containers;
    expect(container?.resources.requests.memory).toBe('8Mi');
    expect(container?.command?.at(-1)).toContain("agent: 'single-007'");
  });

  it('copies have names of their own', async () => {
    const pods = contents(await copiesOfSingle(49)).map(podOf);
    expect(new Set(pods.map(({ metadata }) => metadata.name)).size).toBe(49);
  });

  it('the last pod is the last of different ones, in any order', () => {
    const isLast = lastOf(3);
    const lines = ['single-002', 'other', 'single-002', 'single', 'single-001'];
    expect(lines.map((agent) => isLast(event(agent, 'start')))).toEqual([false, false, false, false, true]); // prettier-ignore
  });
});

describe('many pods beside the base line', () => {
  it('there are as many manifests as pods, but for the one of the image', async () => {
    const entries = await manifests('/pods', 20);
    const pods = contents(entries).map(podOf);
    expect(Object.keys(entries).every((name) => name.startsWith('/pods/'))).toBe(true);
    expect(pods).toHaveLength(19);
    const watch = pods.find(({ metadata }) => metadata.name === 'watch-pods');
    const [parameters = ''] = watch?.spec.containers[0]?.command?.slice(-1) ?? [];
    expect(JSON.parse(parameters)).toMatchObject({ process: 'pause', pods: 18 });
  });

  const base = { x: 2, values: { kiosUsedKiB: 200 * 1024 } };
  const full = {
    x: 110,
    values: {
      kiosFirstSeconds: 4,
      kiosFirstRunning: 8,
      kiosAllSeconds: 64,
      kiosUsedKiB: (200 + 108 * 6) * 1024,
    },
  };

  it('pace and memory count what comes after the first', () => {
    expect(podsPerMinute('kios', full)).toBe(100);
    expect(memoryPerPod('kios', full, [base, full])).toBe(6);
  });

  it('nothing is said of a system that was not measured, or of the smallest number', () => {
    expect(podsPerMinute('debian', full)).toBeUndefined();
    expect(podsPerMinute('kios', base)).toBeUndefined();
    expect(memoryPerPod('debian', full, [base, full])).toBeUndefined();
    expect(memoryPerPod('kios', base, [base, full])).toBeUndefined();
  });
});

describe('cards', () => {
  it('each has a network of its own', () => {
    const flags = furtherCards(15);
    const networks = flags.filter((flag) => flag.startsWith('user,'));
    expect(new Set(networks.map((flag) => /net=([\d.]+)/.exec(flag)?.[1])).size).toBe(15);
    expect(networks.join()).not.toContain('net=10.0.2.0');
    expect(furtherCards(0)).toEqual([]);
  });

  it('the last lease is that of the last link', () => {
    const isLast = lastLeaseOf(2);
    const lease = (link: string) => isLast(event('dhcp', 'lease.bound', { link }));
    expect([lease('eth0'), lease('eth0'), lease('eth1')]).toEqual([false, false, true]);
  });
});

it('harmless modules are parts of the network that need no other module', () => {
  const dep = [
    'kernel/drivers/net/dummy.ko:',
    'kernel/net/sched/sch_tbf.ko:',
    'kernel/net/netfilter/xt_u32.ko: kernel/net/netfilter/x_tables.ko',
    'kernel/net/dccp.ko.xz: ',
    'kernel/net/sched/act_pedit.ko.zst:',
  ].join('\n');
  expect(harmlessModules(`${dep}\n`)).toEqual(['act_pedit', 'dccp', 'sch_tbf']);
});

const look = (seconds: number) => ({
  seconds,
  busySeconds: seconds / 100,
  interrupts: seconds * 50,
  switches: seconds * 80,
  writtenKiB: seconds * 2,
  writes: seconds,
  usedKiB: 300_000,
});

describe('the idle node', () => {
  const looks = [400, 700, 1000, 1300].map(look);

  it('what it did counts from the first look', () => {
    const samples = samplesOf(looks);
    expect(samples.map(({ x }) => x)).toEqual([0, 5, 10, 15]);
    expect(samples[0]?.values).toEqual({ busySeconds: 0, thousandInterrupts: 0, thousandSwitches: 0, writtenMiB: 0, usedMiB: 0 }); // prettier-ignore
    expect(samples[3]?.values['thousandInterrupts']).toBe(45);
    expect(samplesOf([])).toEqual([]);
  });

  it('a day is 24 times an hour', () => {
    expect(growthIn(1, looks).busySeconds?.growth).toBeCloseTo(36);
    expect(growthIn(24, looks).writtenKiB?.growth).toBeCloseTo(24 * 7200);
    expect(growthIn(24, looks).usedKiB).toEqual({ growth: 0, error: 0 });
    expect(growthIn(1, [look(1)])).toEqual({});
  });
});

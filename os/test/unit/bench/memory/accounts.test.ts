import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import type { MemoryFacts } from '../../../../guest/src/memory-facts.ts';
import { account, mappedOfRoot } from '../../../../src/bench/memory/accounts.ts';
import type { Kind, Owner } from '../../../../src/bench/memory/owners.ts';

const kib = fc.integer({ min: 0, max: 1 << 24 });

/** Every use of a machine's memory, of which the kernel's figures are sums. */
const anyMachine = fc.record({
  free: kib,
  lists: kib,
  cache: kib,
  mapped: kib,
  root: kib,
  tmpfs: kib,
  slab: kib,
  reclaimable: kib,
  tables: kib,
  stacks: kib,
  perCpu: kib,
  modules: kib,
  vmalloc: kib,
  host: kib,
  infrastructure: kib,
  pod: kib,
  probe: kib,
  unknown: kib,
  kept: fc.integer({ min: 0, max: 1 << 16 }),
});
type Machine = typeof anyMachine extends fc.Arbitrary<infer T> ? T : never;

const KINDS: readonly Kind[] = ['host', 'infrastructure', 'pod', 'probe'];
const owners = new Map<number, Owner>(KINDS.map((kind, pid) => [pid, { kind, name: '' }]));

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

/** Returns what a probe would see on the machine. */
function factsOf(machine: Machine): MemoryFacts {
  const { kept, mapped: _, ...uses } = machine;
  const available = machine.free + machine.cache + machine.reclaimable - kept;
  return {
    meminfo: {
      MemTotal: sum(Object.values(uses)),
      MemFree: machine.free,
      MemAvailable: available,
      Cached: machine.cache + machine.root + machine.tmpfs,
      'Active(file)': Math.floor(machine.cache / 3),
      'Inactive(file)': machine.cache - Math.floor(machine.cache / 3),
      SUnreclaim: machine.slab,
      KReclaimable: machine.reclaimable,
      PageTables: machine.tables,
      KernelStack: machine.stacks,
      Percpu: machine.perCpu,
      VmallocUsed: machine.stacks + machine.modules + machine.vmalloc,
    },
    listsKiB: machine.lists,
    modulesKiB: machine.modules,
    probe: { pid: 3, shim: 0 },
    processes: KINDS.map((kind, pid) => ({
      pid,
      name: kind,
      command: '',
      cgroup: '',
      privateKiB: 0,
      sharedKiB: 0,
      anonymousKiB: machine[kind],
      swapKiB: 0,
    })),
    mapped: [{ file: '/bin/kubelet', kib: machine.mapped }],
  };
}

it('the parts are what they were made of, and only what nobody has is not accounted for', () => {
  fc.assert(
    fc.property(anyMachine, (machine) => {
      const accounts = account(factsOf(machine), owners, machine.root);
      expect(accounts.parts.map((part) => part.kib)).toEqual([
        machine.host,
        machine.infrastructure,
        machine.pod,
        machine.probe,
        machine.root,
        machine.tmpfs,
        machine.slab,
        machine.tables,
        machine.stacks,
        machine.perCpu,
        machine.modules,
        machine.vmalloc,
        machine.lists,
        machine.kept,
      ]);
      expect(accounts.unaccountedKiB).toBe(machine.unknown);
    }),
  );
});

it('the parts and the rest are together what is in use, whatever the kernel says', () => {
  const names = Object.keys(factsOf(fc.sample(anyMachine, 1)[0]!).meminfo);
  const anyMeminfo = fc.dictionary(fc.constantFrom(...names), kib);
  fc.assert(
    fc.property(anyMachine, anyMeminfo, kib, (machine, meminfo, rootKiB) => {
      const { usedKiB, parts, unaccountedKiB } = account(
        { ...factsOf(machine), meminfo },
        owners,
        rootKiB,
      );
      expect(sum(parts.map((part) => part.kib)) + unaccountedKiB).toBe(usedKiB);
    }),
  );
});

it('page cache of the data partition and of memory alone is not the root’s', () => {
  const mapped = [
    { file: '/bin/kubelet', kib: 20 },
    { file: '/agent/agent.cjs', kib: 3 },
    { file: '/var/lib/containerd/io.containerd.metadata.v1.bolt/meta.db', kib: 100 },
    { file: '/memfd:x (deleted)', kib: 100 },
    { file: '/variable', kib: 1 },
  ];
  expect(mappedOfRoot({ mapped })).toBe(24);
});

import { describe, expect, it } from 'vitest';

import { planJobs, Slots } from '../../src/core/loading/slots.ts';
import { Loader } from '../../src/edge/loading/loader.ts';
import { Report } from '../../src/edge/report/report.ts';
import { NIC, setUp, SILENT } from '../support/fake-kernel.ts';

const DISK = 'pci:v00001B36d00000010sv0sd0bc01sc08i02';
const CARD = 'pci:v00008086d1';
const TWO = { jobs: { count: 2, hanging: 2 } };

/** A promise that a test resolves. */
function gate() {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { promise, open: () => resolve() };
}

/** Lets everything run that does not wait for a gate or a timer. */
const idle = async (): Promise<void> => {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
};

describe('a driver that sleeps', () => {
  it('lets others load meanwhile, and what needs it waits', async () => {
    const { kernel, loader } = setUp({}, TWO);
    const sleep = gate();
    kernel.sleeping.set('failover', sleep.promise);
    const served = loader.serve([NIC, DISK, CARD], 'alias');
    await idle();
    expect(kernel.calls.toSorted()).toEqual(['e1000e', 'failover', 'nvme', 'virtio']);
    sleep.open();
    expect(await served).toBe(5);
    expect(kernel.calls.indexOf('virtio_net')).toBe(4);
  });

  it('is loaded once, whoever asks meanwhile', async () => {
    const { kernel, loader } = setUp({}, TWO);
    const sleep = gate();
    kernel.sleeping.set('nvme', sleep.promise);
    const both = [loader.load('nvme', 'config'), loader.serve([DISK], 'uevent')];
    await idle();
    sleep.open();
    expect(await Promise.all(both)).toEqual([['loaded'], 1]);
    expect(kernel.calls).toEqual(['nvme']);
  });

  it('is loaded once although the settings change meanwhile', async () => {
    const parts = setUp({}, TWO);
    const sleep = gate();
    parts.kernel.sleeping.set('nvme', sleep.promise);
    const first = parts.loader.load('nvme', 'config');
    await idle();
    const second = new Loader({ ...parts, facts }).load('nvme', 'config');
    await idle();
    sleep.open();
    expect(await Promise.all([first, second])).toEqual([['loaded'], ['present']]);
    expect(parts.kernel.calls).toEqual(['nvme']);
  });

  it('is stuck after its time: told, not waited for, with what is behind it', async () => {
    const said: object[] = [];
    const parts = setUp({}, { ...TWO, stuckMs: 10 });
    const report = new Report({ ...SILENT, warn: (line: object) => void said.push(line) });
    const loader = new Loader({ ...parts, report, facts });
    const sleep = gate();
    parts.kernel.sleeping.set('failover', sleep.promise);
    await loader.serve([NIC], 'alias');
    expect(said).toMatchObject([{ ev: 'mod.stuck', name: 'failover', seconds: 30 }]);
    expect(report.lists.stuck).toEqual(['failover']);
    expect(await loader.load('virtio_net', 'config')).toEqual(['stuck']);
    // Its slot is free: two more can be stuck at the same time as two are loading.
    expect(await loader.load('nvme', 'config')).toEqual(['loaded']);
    sleep.open();
    await idle();
    expect(report.lists.stuck).toEqual([]);
    expect(parts.kernel.calls).toEqual(['virtio', 'failover', 'nvme', 'virtio_net']);
  });

  it('keeps the last threads: no slot is freed once as many hang as may', async () => {
    const { kernel, loader } = setUp({}, { jobs: { count: 1, hanging: 0 }, stuckMs: 10 });
    const sleep = gate();
    kernel.sleeping.set('nvme', sleep.promise);
    expect(await loader.load('nvme', 'config')).toEqual(['stuck']);
    const next = loader.load('e1000e', 'config');
    await idle();
    expect(kernel.calls).toEqual(['nvme']);
    sleep.open();
    expect(await next).toEqual(['loaded']);
  });

  it('is left when the process is told to end, and nothing begins after that', async () => {
    const stop = new AbortController();
    const { kernel, loader, lists } = setUp(
      {},
      { jobs: { count: 1, hanging: 0 }, signal: stop.signal },
    );
    const sleep = gate();
    kernel.sleeping.set('nvme', sleep.promise);
    const both = [loader.load('nvme', 'config'), loader.load('e1000e', 'config')];
    await idle();
    stop.abort();
    expect(await Promise.all(both)).toEqual([['stuck'], ['stuck']]);
    sleep.open();
    await idle();
    expect(kernel.calls).toEqual(['nvme']);
    expect(lists).toMatchObject({ stuck: [], failed: [] });
  });
});

const facts = () => ({ hasCapability: true, modulesDisabled: false, lockdown: 'none' });

describe('a module', () => {
  it('is tried once with the same parameters, also after the settings have changed', async () => {
    const parts = setUp();
    parts.kernel.fail.set('nvme', ['ENODEV', 'ENODEV']);
    expect(await parts.loader.load('nvme', 'config')).toEqual(['nodev']);
    expect(await new Loader({ ...parts, facts }).load('nvme', 'config')).toEqual(['nodev']);
    expect(parts.kernel.calls).toEqual(['nvme']);
    const policy = { ...parts.policy, params: { nvme: 'a=1' } };
    await new Loader({ ...parts, policy, facts }).load('nvme', 'config');
    expect(parts.kernel.calls).toEqual(['nvme', 'nvme a=1']);
  });

  it('that has ended is waited for by nobody, who would be kept in memory with the settings of that time', async () => {
    const { attempts, index, kernel, loader } = setUp();
    kernel.fail.set('nvme', ['ENODEV']);
    await loader.load('nvme', 'config');
    const module = index.module('nvme');
    if (module === undefined) throw new Error('the index has no nvme');
    const { left } = attempts.attempt(kernel, module, '');
    expect(await Promise.race([left, idle()])).toBe('ended');
  });

  it.each([
    ['a'.repeat(4097), 'have 4097 bytes'],
    ['a="1', 'unbalanced quotes'],
  ])(
    'is refused with parameters that cannot be passed, whatever they come from',
    async (parameters, why) => {
      const { config, kernel, loader, lists } = setUp();
      config.options.push({ name: 'nvme', parameters });
      expect(await loader.load('nvme', 'config')).toEqual(['refused']);
      expect(lists.failed[0]?.why).toContain(why);
      expect(kernel.calls).toEqual([]);
    },
  );

  it('has the parameters of the alias it is loaded for as well, in the order of the lines', async () => {
    const { config, kernel, loader } = setUp();
    config.options.push(
      { name: 'nvme', parameters: 'a=1' },
      { name: 'block_any', parameters: 'b=2' },
      { name: 'nvme', parameters: 'c=3' },
    );
    config.aliases.add('block-any', 'nvme');
    await loader.load('block-any', 'config');
    expect(kernel.calls).toEqual(['nvme a=1 b=2 c=3']);
  });
});

describe('slots', () => {
  it('are given in the order in which they were asked for', async () => {
    const slots = new Slots(1);
    const order: number[] = [];
    await slots.take();
    const waiting = [1, 2, 3].map(async (each) => {
      await slots.take();
      order.push(each);
      slots.give();
    });
    slots.give();
    await Promise.all(waiting);
    expect(order).toEqual([1, 2, 3]);
  });

  it.each([
    [16, 1, undefined, { count: 2, hanging: 12 }],
    [16, 4, undefined, { count: 4, hanging: 10 }],
    [16, 64, undefined, { count: 4, hanging: 10 }],
    [16, 4, 8, { count: 8, hanging: 6 }],
    [4, 64, 8, { count: 2, hanging: 0 }],
    [2, 1, undefined, { count: 1, hanging: 0 }],
  ])('of %d threads and %d processors, %s wanted, are %j', (threads, processors, wanted, jobs) => {
    expect(planJobs(threads, processors, wanted)).toEqual(jobs);
  });
});

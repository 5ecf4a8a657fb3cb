import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { ModulesStatus, readState } from '@kios/node-state';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { parseCondition } from '../../src/core/devices/condition.ts';
import { EventQueue } from '../../src/edge/devices/event-queue.ts';
import { Service, type ServiceParts } from '../../src/edge/loading/service.ts';
import { setUp } from '../support/fake-kernel.ts';
import { FakeUevents, ueventOf } from '../support/fake-uevents.ts';
import { Logbook } from '../support/logbook.ts';
import { policy } from '../support/policy.ts';

const NIC = 'virtio:d00000001v00001AF4';
const DISK = 'pci:v00001B36d00000010sv0sd0bc01sc08i02';
const CPU = 'cpu:type:x86,ven0002';

let dir: string;
let stop: AbortController;
let log: Logbook;
let uevents: FakeUevents;
let ended: Promise<string>;
let change: PromiseWithResolvers<void>;
let parts: ReturnType<typeof setUp>;
let settings: ReturnType<typeof policy>;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-service-'));
  stop = new AbortController();
  log = new Logbook();
  uevents = new FakeUevents();
  parts = setUp();
  settings = policy();
  change = Promise.withResolvers();
});
afterEach(async () => {
  stop.abort(new Error('stopped'));
  if ((await ended) !== 'stopped') throw new Error('the service does not end by itself');
  await rm(dir, { recursive: true });
});

function start(more: Partial<ServiceParts> = {}): void {
  const { signal } = stop;
  const service = new Service(
    {
      policy: 'modules.yaml',
      loadDir: '/nonexistent',
      statusDir: dir,
      conditions: [],
      timeoutMs: 60_000,
      laterAfterMs: 60_000,
      seal: undefined,
      rest: { afterMs: 60_000, apply: () => undefined },
      queue: new EventQueue(uevents, signal),
      attempts: parts.attempts,
      open: async () => ({
        ...parts,
        policy: settings,
        isDryRun: false,
        release: '6.12',
        dir: '/nonexistent',
        profileNames: ['e1000e'],
        laterNames: ['kvm'],
      }),
      change: async (end) => {
        end.addEventListener('abort', () => change.reject(end.reason));
        await change.promise;
        change = Promise.withResolvers();
      },
      ...more,
    },
    { log, signal },
  );
  const how = async (): Promise<string> =>
    service.run().then(
      () => 'done',
      (error: Error) => error.message,
    );
  ended = how();
}

const status = async (): Promise<ModulesStatus> => readState(ModulesStatus, `${dir}/status.json`);
/** Waits until the status file says so; it is written half a second after the last change. */
const statusWith = async (check: (now: ModulesStatus) => boolean): Promise<ModulesStatus> =>
  vi.waitFor(async () => {
    const now = await status();
    if (!check(now)) throw new Error(`not yet: ${JSON.stringify(now)}`);
    return now;
  }, 5000);
const loads = async (name: string): Promise<void> =>
  vi.waitFor(() => expect(parts.kernel.live.has(name)).toBe(true), 5000);

function readOnly(): never {
  throw new Error('read-only');
}

describe('the service', () => {
  it('serves the devices present, then says that it is ready', async () => {
    parts.devices.aliases = () => [DISK, NIC];
    start();
    expect(await log.line('ready')).toMatchObject({ loaded: 5, failed: 0, console: true });
    expect(parts.kernel.calls).toEqual(['virtio', 'failover', 'virtio_net', 'nvme', 'e1000e']);
    const now = await statusWith(({ ready }) => ready);
    expect(now.loaded).toHaveLength(5);
    await vi.waitFor(async () => stat(`${dir}/ready`), 5000);
  });

  it('makes no load when everything is loaded, and the status says what was there', async () => {
    for (const name of ['virtio', 'failover', 'virtio_net', 'nvme', 'e1000e'])
      parts.kernel.live.set(name, 'live');
    parts.devices.aliases = () => [DISK, NIC];
    start();
    await log.line('ready');
    expect(parts.kernel.calls).toEqual([]);
    const { loaded, failed } = await statusWith(({ ready }) => ready);
    expect(failed).toEqual([]);
    expect(new Set(loaded.map(({ name, by }) => `${name} ${by}`))).toEqual(
      new Set(
        ['virtio', 'failover', 'virtio_net', 'nvme', 'e1000e'].map((name) => `${name} before`),
      ),
    );
  });

  it('lists a module that somebody else loads', async () => {
    start();
    await log.line('ready');
    parts.kernel.live.set('nfs', 'live');
    uevents.send('add@/module/nfs\0ACTION=add\0DEVPATH=/module/nfs\0SUBSYSTEM=module\0');
    const { loaded } = await statusWith((now) => now.loaded.some(({ name }) => name === 'nfs'));
    expect(loaded.find(({ name }) => name === 'nfs')).toEqual({ name: 'nfs', by: 'request' });
  });

  it('serves a device that appears while another driver sleeps in its probe', async () => {
    const sleeping = Promise.withResolvers<void>();
    parts = setUp({}, { jobs: { count: 2, hanging: 1 } });
    parts.kernel.sleeping.set('nvme', sleeping.promise);
    parts.devices.aliases = () => [DISK];
    start();
    uevents.send(ueventOf(NIC));
    await loads('virtio_net');
    expect(log.of('coldplug.done')).toEqual([]);
    sleeping.resolve();
    expect(await log.line('ready')).toMatchObject({ failed: 0 });
  });

  it('waits for --wait-for before it is ready, and says what it waits for', async () => {
    const condition = parseCondition('net:eth0', dir);
    start({ conditions: [condition], timeoutMs: 50 });
    expect(await log.line('wait.late')).toMatchObject({ missing: ['net:eth0'] });
    expect(log.of('ready')).toEqual([]);
    await mkdir(condition.path, { recursive: true });
    uevents.send('add@/devices/net/eth0\0ACTION=add\0');
    await log.line('ready');
  });

  it('walks again after lost events, and says so', async () => {
    start();
    await log.line('ready');
    parts.devices.aliases = () => [DISK];
    uevents.overrun();
    expect(await log.line('uevent.overrun')).toMatchObject({ level: 'warn' });
    await loads('nvme');
  });

  it('takes settings that arrive later, and says so', async () => {
    settings = policy({ deny: ['nvme'] });
    parts.devices.aliases = () => [DISK];
    start();
    await log.line('ready');
    expect(log.of('mod.denied')).toMatchObject([{ name: 'nvme', rule: 'deny: nvme' }]);
    settings = policy({ load: [{ name: 'virtio_pci' }] });
    change.resolve();
    expect(await log.line('settings.changed')).toMatchObject({ file: 'modules.yaml' });
    expect(parts.kernel.calls).toEqual(['e1000e', 'virtio', 'virtio_pci', 'nvme']);
    expect((await statusWith(({ denied }) => denied.length === 0)).ready).toBe(true);
  });

  it('loads late devices and profiles once the boot is over', async () => {
    parts.devices.aliases = () => [CPU];
    start({ laterAfterMs: 10 });
    await log.line('later.done');
    expect(parts.kernel.calls).toEqual(['e1000e', 'kvm', 'kvm_intel']);
  });

  it('gives memory back once the boot is over, and again after a device', async () => {
    let calls = 0;
    const rest = { afterMs: 10, apply: () => void calls++ };
    const given = async (more: number): Promise<void> =>
      vi.waitFor(() => expect(calls).toBeGreaterThan(more), 5000);
    start({ laterAfterMs: 500, rest });
    await log.line('ready');
    expect(calls).toBe(0);
    await log.line('later.done');
    await given(0);
    const before = calls;
    uevents.send(ueventOf(DISK));
    await loads('nvme');
    await given(before);
  });

  it('closes the kernel to modules in the end', async () => {
    let calls = 0;
    start({ laterAfterMs: 10, seal: { afterMs: 10, apply: () => void calls++ } });
    expect(await log.line('sealed')).toMatchObject({ console: true });
    expect(calls).toBe(1);
    const order = log.lines.map(({ ev }) => ev);
    expect(order.indexOf('sealed')).toBeGreaterThan(order.indexOf('later.done'));
    expect(order.indexOf('sealed')).toBeGreaterThan(order.indexOf('ready'));
  });

  it('stays when it cannot close the kernel', async () => {
    start({ laterAfterMs: 10, seal: { afterMs: 10, apply: readOnly } });
    expect(await log.line('seal.fail')).toMatchObject({ level: 'error' });
    uevents.send(ueventOf(DISK));
    await loads('nvme');
  });
});

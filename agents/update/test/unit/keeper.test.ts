import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';

import { createLogger } from '@kios/agent';
import { SlotsState } from '@kios/node-state';
import {
  type Annotations,
  formatTurn,
  formatUpdate,
  type NodePatch,
  type NodeView,
  parseUpdate,
  REQUESTS,
  RETRY,
  TURN,
  UPDATE,
  updateIn,
} from '@kios/node-turn';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { UpdateError } from '../../src/core/faults/errors.ts';
import { ENTRIES, imageOf } from '../../src/core/slots/names.ts';
import { MemoryFile, SlotsFile } from '../../src/edge/host/host.ts';
import { type ClusterPort, Keeper } from '../../src/verbs/keeper.ts';
import { Stager } from '../../src/verbs/stager.ts';
import { FakeInit } from '../support/fake-init.ts';
import { OTHER, record, slots, update } from '../support/given.ts';
import { makeSignature, makeTestKey, signedEfi } from '../support/signed-efi.ts';
import { smallEfi } from '../support/small-efi.ts';

const digestOf = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex');
const NEXT = smallEfi({ signed: 8 });
const NEW = digestOf(NEXT);

/** A cluster with one Node. */
class SmallCluster implements ClusterPort {
  annotations: Record<string, string> = {};
  server = 'v1.36.1';
  isAway = false;
  /** Somebody else has changed the Node since it was read. */
  hasChanged = false;

  #reach(): void {
    if (this.isAway) throw new UpdateError('KIOS_UPDATE_API', 'reach it');
  }

  node(): Promise<NodeView> {
    this.#reach();
    const heard = { isCordoned: false, isReady: true, isSilent: false, bootId: 'boot-1' };
    const annotations: Annotations = { ...this.annotations };
    return Promise.resolve({ name: 'a', resourceVersion: '1', annotations, ...heard });
  }

  write({ annotations }: NodePatch): Promise<boolean> {
    this.#reach();
    if (this.hasChanged) return Promise.resolve(false);
    for (const [key, value] of Object.entries(annotations))
      if (value === null) delete this.annotations[key];
      else this.annotations[key] = value;
    return Promise.resolve(true);
  }

  version(): Promise<string> {
    this.#reach();
    return Promise.resolve(this.server);
  }
}

let init: FakeInit;
let cluster: SmallCluster;
let said: SlotsState | undefined;
let boot: string;
let uptime: number;
const log = createLogger('update', {
  console: { send: () => {}, close: () => Promise.resolve() },
  stdout: { write: () => true },
});

/** Starts an agent, as after a boot or when it was killed. */
async function start(wanted = record(NEW, NEXT.length)): Promise<Keeper> {
  const stager = await Stager.open({
    place: init.place,
    os: init.at('os'),
    bootId: boot,
    memory: new MemoryFile(init.at('state')),
    signal: new AbortController().signal,
    log,
  });
  return new Keeper({
    cluster,
    slots: () => Promise.resolve(said),
    stager,
    record: wanted,
    arch: 'amd64',
    bootId: boot,
    order: 'order-1',
    asking: { maxUnavailable: 0, drainSeconds: 0 },
    now: () => 0,
    elapsed: () => uptime,
    log,
  });
}

const told = () => parseUpdate(cluster.annotations[UPDATE]);
const asked = () => cluster.annotations[REQUESTS.reboot];

beforeEach(async () => {
  init = await FakeInit.start();
  init.put(1, 'running');
  writeFileSync(init.at('os/kios.efi'), NEXT);
  cluster = new SmallCluster();
  said = slots();
  boot = 'boot-1';
  uptime = 0;
});
afterEach(() => init[Symbol.asyncDispose]());

describe('a node that is to run another system', () => {
  it('stages it, asks for the reboot, tells that it is on trial, and that it runs', async () => {
    const keeper = await start();
    expect(await keeper.next()).toBe('stage');
    expect(await keeper.next()).toBe('ask');
    expect(told()).toMatchObject({ state: 'staged', digest: NEW, running: digestOf('running') });
    expect(updateIn(asked() ?? '')).toBe(NEW);
    boot = 'boot-2';
    said = slots({ running: 2, state: 'trial', good: [1] });
    const after = await start();
    expect(await after.next()).toBe('rest');
    expect(told()).toMatchObject({ state: 'trial', trial: true, running: NEW, bootId: 'boot-2' });
    said = slots({ running: 2, good: [1] });
    expect(await after.next()).toBe('rest');
    expect(told()).toMatchObject({ state: 'current', trial: false, order: 'order-1' });
    expect(asked()).toBeUndefined();
  });

  it('tells that it came back, and does not stage that again, whoever has forgotten what', async () => {
    const keeper = await start();
    await keeper.next();
    await keeper.next();
    boot = 'boot-5';
    said = slots({ failed: { generation: 2, why: 'kubelet was never Ready' } });
    writeFileSync(init.at('state/memory.json'), '');
    expect(await (await start()).next()).toBe('rest');
    expect(told()).toMatchObject({
      state: 'failed',
      code: 'KIOS_UPDATE_FAILED',
      failed: [NEW],
      message: 'this node came back from kiOS 0.2.0: kubelet was never Ready',
    });
    expect(asked()).toBeUndefined();
    writeFileSync(init.at('state/memory.json'), '');
    said = slots();
    expect(await (await start()).next()).toBe('rest');
    expect(told()?.state).toBe('failed');
  });

  it('stages a good system again whose file has rotted', async () => {
    const keeper = await start();
    await keeper.next();
    await keeper.next();
    boot = 'boot-3';
    init.put(2, 'rotten', 'kios-0002.conf');
    init.remove(`${ENTRIES}/kios-0002+3-0.conf`);
    said = slots({ failed: { generation: 2, why: 'it did not start' } });
    cluster.annotations = {};
    const after = await start();
    expect(await after.next()).toBe('stage');
    expect(await after.next()).toBe('ask');
    expect(init.names(ENTRIES)).toEqual(['kios-0001.conf', 'kios-0003+3-0.conf']);
  });

  it('tries again when a person lets it', async () => {
    said = slots({ failed: { generation: 2, why: 'w' } });
    init.put(2, NEXT, 'kios-0002+0-3.conf');
    const keeper = await start();
    expect(await keeper.next()).toBe('rest');
    expect(told()?.state).toBe('failed');
    cluster.annotations[RETRY] = '1';
    expect(await keeper.next()).toBe('forgive');
    expect(cluster.annotations[RETRY]).toBeUndefined();
    expect(await keeper.next()).toBe('stage');
    expect(await keeper.next()).toBe('ask');
    expect(told()).toMatchObject({ state: 'staged', failed: [] });
    expect(init.names(ENTRIES)).toEqual(['kios-0001.conf', 'kios-0003+3-0.conf']);
  });

  it('takes it back when the running system is wanted again', async () => {
    await (await start()).next();
    const keeper = await start(record(digestOf('running'), 7));
    cluster.annotations[REQUESTS.reboot] = JSON.stringify({ update: NEW });
    expect(await keeper.next()).toBe('unstage');
    expect(init.names(ENTRIES)).toEqual(['kios-0001.conf']);
    expect(asked()).toBeUndefined();
    expect(await keeper.next()).toBe('rest');
  });

  it.each([
    ['the running system', () => record(digestOf('running'), 7)],
    ['a third one', () => record('b'.repeat(64), 9)],
  ])('leaves what the machine stops to boot into, when %s is wanted', async (_, wanted) => {
    await (await start()).next();
    cluster.annotations[TURN] = formatTurn({
      v: 1,
      action: 'reboot',
      request: JSON.stringify({ update: NEW }),
      phase: 'stopping',
      since: new Date(0).toISOString(),
      cordoned: true,
      bootId: boot,
    });
    const keeper = await start(wanted());
    expect(await keeper.next()).toBe('pause');
    expect(init.names(ENTRIES)).toEqual(['kios-0001.conf', 'kios-0002+3-0.conf']);
  });

  it.each([
    ['the running system', () => record(digestOf('running'), 7)],
    ['a third one', () => record('b'.repeat(64), 9)],
  ])('changes no medium before the request is taken back, when %s is wanted', async (_, wanted) => {
    await (await start()).next();
    cluster.annotations[REQUESTS.reboot] = JSON.stringify({ update: NEW });
    cluster.hasChanged = true;
    const keeper = await start(wanted());
    expect(await keeper.next()).toBe('pause');
    expect(init.names(ENTRIES)).toEqual(['kios-0001.conf', 'kios-0002+3-0.conf']);
  });

  it('does not touch the medium when the kubelet does not fit', async () => {
    await (await start()).next();
    const mounts = init.mounts;
    cluster.server = 'v1.35.0';
    const keeper = await start({
      ...record(NEW, NEXT.length),
      efi: { sha256: 'b'.repeat(64), bytes: 9 },
    });
    expect(await keeper.next()).toBe('rest');
    expect(told()).toMatchObject({
      state: 'refused',
      code: 'KIOS_UPDATE_SKEW',
      message: expect.stringContaining('newer than the API server v1.35.0') as unknown,
    });
    expect(init.mounts).toBe(mounts);
  });

  it('tells why it could not be staged', async () => {
    writeFileSync(init.at('os/kios.efi'), NEXT.subarray(0, -1));
    const keeper = await start();
    await expect(keeper.next()).rejects.toMatchObject({ code: 'KIOS_UPDATE_IMAGE' });
    expect(await keeper.next()).toBe('pause');
    expect(told()).toMatchObject({ state: 'refused', code: 'KIOS_UPDATE_IMAGE' });
  });

  it('writes nothing that the machine would not start with Secure Boot', async () => {
    const [key, mounts] = [makeTestKey(), init.mounts];
    const signed = signedEfi((digest) => [makeSignature({ by: key, digest })]);
    writeFileSync(init.at('os/kios.efi'), signed);
    const wanted = record(digestOf(signed), signed.length);
    said = slots({ signers: [OTHER] });
    await expect((await start(wanted)).next()).rejects.toMatchObject({
      code: 'KIOS_UPDATE_SIGNATURE',
    });
    // What runs was read once.
    expect(init.mounts).toBe(mounts + 1);
    said = slots({ signers: [key.fingerprint] });
    expect(await (await start(wanted)).next()).toBe('stage');
  });

  it('tries what failed on the medium after a pause that grows, and at once when a person lets it', async () => {
    writeFileSync(init.at('os/kios.efi'), NEXT.subarray(0, -1));
    const keeper = await start();
    await expect(keeper.next()).rejects.toThrow(/should have/);
    uptime = 7000;
    await expect(keeper.next()).rejects.toThrow(/should have/);
    uptime = 14_000;
    expect(await keeper.next()).toBe('pause');
    cluster.annotations[RETRY] = '1';
    writeFileSync(init.at('os/kios.efi'), NEXT);
    expect(await keeper.next()).toBe('forgive');
    expect(await keeper.next()).toBe('stage');
  });

  it('tells that it cannot learn what runs', async () => {
    init.refusal = { code: 'KIOS_INIT_SLOTS_MEDIUM', cause: 'read it' };
    await expect((await start()).next()).rejects.toMatchObject({ code: 'KIOS_UPDATE_ESP' });
    expect(told()).toMatchObject({ state: 'refused', code: 'KIOS_UPDATE_ESP', failed: [] });
  });

  it('stages beside a running system whose file has rotted', async () => {
    init.remove(imageOf(1));
    mkdirSync(init.at(`disk/${imageOf(1)}`));
    const keeper = await start();
    expect(await keeper.next()).toBe('stage');
    expect(told()).toMatchObject({ state: 'staging' });
    expect(told()?.running).toBeUndefined();
    expect(await keeper.next()).toBe('ask');
  });

  it('knows a medium that was flashed anew, on which the first number is another system', async () => {
    await (await start(record(digestOf('running'), 7))).next();
    expect(told()).toMatchObject({ state: 'current' });
    init.put(1, 'flashed');
    said = slots({ version: '0.3.0' });
    boot = 'boot-2';
    await (await start()).next();
    expect(told()).toMatchObject({ running: digestOf('flashed') });
  });

  it('no longer counts as failed what it runs, confirmed', async () => {
    cluster.annotations[UPDATE] = formatUpdate(update({ failed: [NEW, OTHER] }));
    said = slots({ running: 2, good: [1] });
    init.put(2, NEXT);
    expect(await (await start()).next()).toBe('rest');
    expect(told()).toMatchObject({ state: 'current', failed: [OTHER] });
  });

  it('does not learn again what it has told before a person forgave it', async () => {
    cluster.annotations[UPDATE] = formatUpdate(update({ failed: [NEW] }));
    const keeper = await start();
    expect(await keeper.next()).toBe('rest');
    const late = { ...cluster.annotations };
    cluster.annotations[RETRY] = '1';
    expect(await keeper.next()).toBe('forgive');
    cluster.annotations = late;
    expect(await keeper.next()).toBe('stage');
  });

  it('tells that what is staged cannot be taken back', async () => {
    await (await start()).next();
    const keeper = await start(record(digestOf('running'), 7));
    await keeper.decide();
    init.refusal = { code: 'KIOS_INIT_SLOTS_MEDIUM', cause: 'read it' };
    await expect(keeper.next()).rejects.toMatchObject({ code: 'KIOS_UPDATE_ESP' });
    expect(await keeper.next()).toBe('pause');
    expect(told()).toMatchObject({ state: 'refused', code: 'KIOS_UPDATE_ESP' });
  });

  it('bears an API server that is away', async () => {
    const keeper = await start();
    cluster.isAway = true;
    await expect(keeper.next()).rejects.toMatchObject({ code: 'KIOS_UPDATE_API' });
    cluster.isAway = false;
    expect(await keeper.next()).toBe('stage');
  });
});

it('nothing is told before init has read the medium', async () => {
  said = undefined;
  const keeper = await start();
  expect(await keeper.next()).toBe('rest');
  expect(cluster.annotations).toEqual({});
  await expect(keeper.decide()).rejects.toMatchObject({ code: 'KIOS_UPDATE_ESP' });
});

it('a machine whose init does not know of updates says so after minutes', async () => {
  let now = 0;
  const file = new SlotsFile(init.at('slots.json'), () => now);
  expect(await file.read()).toBeUndefined();
  now = 301_000;
  expect(await file.read()).toMatchObject({ managed: false });
});

it('a machine that was started otherwise is left alone', async () => {
  said = slots({ managed: false, reason: 'it was started over the network' });
  expect(await (await start()).next()).toBe('rest');
  expect(told()).toMatchObject({
    state: 'refused',
    code: 'KIOS_UPDATE_UNMANAGED',
    message: 'cannot update this machine: it was started over the network',
  });
  expect(init.mounts).toBe(0);
});

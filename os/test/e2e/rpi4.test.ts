import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { buildBoardImage } from '../../src/build/image/board-image.ts';
import { type BootedNode, powerOn } from '../../src/lab/boot.ts';
import { machineDir } from '../../src/lab/node.ts';
import { MILESTONES } from '../../src/lab/phases.ts';
import { Machine } from '../../src/lab/qemu/machine.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { choiceOn, choose, stageCopy } from '../support/board-medium.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_MS = 80 * 60_000;
const BOOT_MS = 30 * 60_000;
const STEP_MS = 10 * 60_000;
/** QEMU's own numbers; a Raspberry Pi has its processor and memory soldered on. */
const BOARD = { accelerator: 'tcg', memoryMiB: 2048, cpus: 4, workstationPorts: [] } as const;

/** One nanosecond for each instruction, and none for idling: the quarter of an hour of a trial passes in minutes. */
const COUNTED = ['-icount shift=0,sleep=off'];

const progress = progressOn({ write: (text) => process.stdout.write(text) });

/** Waits for one of init's events; fails when the node is past it. */
const seen = async ({ console }: BootedNode, ev: string, deadlineMs = STEP_MS) =>
  (await console.expect(ev, (event) => event.agent === 'init' && event.ev === ev, deadlineMs))
    .fields;

await describeRecorded('rpi4', () => {
  const machine = new Machine(machineDir('rpi4'), 'arm64', 'rpi4');
  let node: BootedNode | undefined;

  async function cutPower(): Promise<void> {
    node?.console[Symbol.dispose]();
    node = undefined;
    await machine.stop();
  }

  async function boot(devices: readonly string[] = []): Promise<BootedNode> {
    await cutPower();
    node = await powerOn(machine, { ...BOARD, devices });
    return node;
  }

  beforeAll(async () => {
    await ensurePackages(['build', 'machine'], progress);
    const { image } = await buildBoardImage({ board: 'rpi4', progress });
    await machine.create(image);
  }, BUILD_MS);

  afterAll(cutPower, 120_000);

  it('starts from its card to the first static pod and a lease', { timeout: BOOT_MS }, async () => {
    const started = await boot();
    expect(await seen(started, 'clock.floored')).toMatchObject({ bound: 'build' });
    expect(await seen(started, 'disk.renewed')).toMatchObject({ device: '/dev/mmcblk0' });
    expect(await seen(started, 'disk.grown')).toMatchObject({ device: '/dev/mmcblk0' });
    expect(await seen(started, 'data.mounted')).toMatchObject({ device: '/dev/mmcblk0p2' });
    for (const { name, reachedBy } of [MILESTONES.runtime, MILESTONES.firstPod])
      await started.console.expect(name, reachedBy, STEP_MS);
    await machine.plugNetworkCard();
    const { name, reachedBy } = MILESTONES.lease;
    expect((await started.console.expect(name, reachedBy, STEP_MS)).fields['link']).toBe('usb0');
  });

  it('starts again as the node that it was', { timeout: BOOT_MS }, async () => {
    const again = await boot();
    await again.console.expect('the first pod', MILESTONES.firstPod.reachedBy, STEP_MS);
    const events = again.console.events.map(({ ev }) => ev);
    expect(events).toContain('data.mounted');
    expect(events.filter((ev) => ev === 'disk.renewed' || ev === 'disk.grown')).toEqual([]);
    expect(await seen(again, 'slots.running')).toMatchObject({ generation: 1, state: 'good' });
  });

  it('comes back from a system on trial that ends in any way', { timeout: BOOT_MS }, async () => {
    await cutPower();
    await stageCopy(machine, 1, 2);
    const trial = await boot();
    expect(await seen(trial, 'slots.entry')).toMatchObject({ next: 1, good: 1, trial: 2 });
    await cutPower();
    expect(await choiceOn(machine)).toEqual({ next: 1, good: 1, trial: 2 });
    const back = await boot();
    expect(await seen(back, 'slots.running')).toMatchObject({ generation: 1, state: 'good' });
    expect(await seen(back, 'slots.fell')).toMatchObject({ generation: 2 });
  });

  // What docs/boot-slots.md says of this must be true: nobody counts such a start.
  it('needs a person for a system that ends before init', { timeout: BOOT_MS }, async () => {
    await cutPower();
    await stageCopy(machine, 1, 3, 'rdinit=/nonexistent');
    await boot();
    const isOff = async (): Promise<void> => expect(await machine.running()).toBeUndefined();
    await vi.waitFor(isOff, { timeout: STEP_MS, interval: 1000 });
    expect(await choiceOn(machine)).toEqual({ next: 3, good: 1, trial: 3 });
    await choose(machine, { next: 1, good: 1, trial: 3 });
    expect(await seen(await boot(), 'slots.fell')).toMatchObject({ generation: 3 });
  });

  it('keeps a system on trial that works', { timeout: 2 * BOOT_MS }, async () => {
    await cutPower();
    await stageCopy(machine, 1, 4);
    const trial = await boot(COUNTED);
    expect(await seen(trial, 'slots.running')).toMatchObject({ generation: 4, state: 'trial' });
    await machine.plugNetworkCard();
    expect(await seen(trial, 'slots.blessed', BOOT_MS)).toMatchObject({ generation: 4 });
    await cutPower();
    expect(await choiceOn(machine)).toEqual({ next: 4, good: 4, trial: 0 });
  });
});

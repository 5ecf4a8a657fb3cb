import { afterAll, beforeAll, expect, it } from 'vitest';

import { buildBoardImage } from '../../src/build/image/board-image.ts';
import type { BootedNode } from '../../src/lab/boot.ts';
import { freshLogs, machineDir } from '../../src/lab/node.ts';
import { MILESTONES } from '../../src/lab/phases.ts';
import { Console } from '../../src/lab/qemu/console.ts';
import { Machine } from '../../src/lab/qemu/machine.ts';
import { freePort } from '../../src/workstation/free-port.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_MS = 80 * 60_000;
const BOOT_MS = 30 * 60_000;
const STEP_MS = 10 * 60_000;
/** QEMU's own numbers; a Raspberry Pi has its processor and memory soldered on. */
const BOARD = { accelerator: 'tcg', memoryMiB: 2048, cpus: 4, workstationPorts: [] } as const;

/** QEMU's model of the board's watchdog resets the board as soon as it is armed. */
const UNWATCHED = 'kios.watchdog=off';

const progress = progressOn({ write: (text) => process.stdout.write(text) });

/** Waits for one of init's events; fails when the node is past it. */
const seen = async ({ console }: BootedNode, ev: string) =>
  (await console.expect(ev, (event) => event.agent === 'init' && event.ev === ev, STEP_MS)).fields;

await describeRecorded('rpi4', () => {
  const machine = new Machine(machineDir('rpi4'), 'arm64', 'rpi4');
  let node: BootedNode | undefined;

  async function boot(): Promise<BootedNode> {
    node?.console[Symbol.dispose]();
    await machine.stop();
    await freshLogs(machine);
    const running = await machine.start({
      ...BOARD,
      kubeletPort: await freePort(),
      commandLine: [UNWATCHED],
    });
    node = { machine, running, console: new Console(machine.file('console')) };
    return node;
  }

  beforeAll(async () => {
    await ensurePackages(['build', 'machine'], progress);
    const { image } = await buildBoardImage({ board: 'rpi4', progress });
    await machine.create(image);
  }, BUILD_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await machine.stop();
  }, 120_000);

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
  });
});

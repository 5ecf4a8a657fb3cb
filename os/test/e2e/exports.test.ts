import { mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';

import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';

import { exportImage } from '../../src/artefact/export/export.ts';
import type { FormatName } from '../../src/artefact/export/formats.ts';
import { buildImage } from '../../src/build/image/build-image.ts';
import { type BootedNode, powerOn } from '../../src/lab/boot.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine } from '../../src/lab/node.ts';
import { MILESTONES } from '../../src/lab/phases.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import type { StartMedium } from '../../src/lab/qemu/arguments.ts';
import type { CommandContext } from '../../src/workstation/command-context.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { distDir } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_MS = 60 * 60_000;
const TEST_MS = 15 * 60_000;
const STEP_MS = 5 * 60_000;

/**
 * What firmware starts otherwise than the disk image. The other formats hold the bytes of that image, which
 * integration/export.test.ts compares.
 */
await describeRecorded('exports', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  const undo = new AsyncDisposableStack();
  const stop = new AbortController();
  const context: CommandContext = { progress, signal: stop.signal, undo, print: () => {} };
  let image: string;
  let out: string;
  let node: BootedNode | undefined;

  beforeAll(async () => {
    await ensurePackages(['build', 'machine'], progress);
    await down(silent, { purge: true });
    ({ image } = await buildImage({ arch: 'amd64', progress }));
    out = await mkdtemp(path.join(distDir('amd64'), 'export-test-'));
  }, BUILD_MS);

  afterEach(async () => {
    node?.console[Symbol.dispose]();
    node = undefined;
    await down(silent, { purge: true });
  }, 120_000);

  afterAll(async () => {
    await undo.disposeAsync();
    await rm(out, { recursive: true, force: true });
  });

  async function exported(format: FormatName): Promise<string> {
    const options = {
      target: 'amd64',
      image,
      formats: [format],
      out,
      list: {},
      json: false,
    } as const;
    const [file] = await exportImage(context, options);
    return path.resolve(file!.file);
  }

  /** Boots a disk until its DHCP pod has a lease. Returns where the node keeps its state. */
  async function stateOf(disk: string, startFrom?: StartMedium): Promise<string> {
    const machine = labMachine();
    await machine.create(disk);
    const accelerator = await chooseAccelerator();
    const options = startFrom === undefined ? {} : { startFrom };
    node = await powerOn(machine, {
      accelerator,
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [],
      ...options,
    });
    for (const { name, reachedBy } of [MILESTONES.kernel, MILESTONES.firstPod, MILESTONES.lease])
      await node.console.expect(name, reachedBy, STEP_MS);
    const state = node.console.events.find(({ ev }) => ev === 'data.mounted' || ev === 'data.ram');
    return state?.ev ?? 'none seen';
  }

  it('an ISO in a CD drive, in memory', { timeout: TEST_MS }, async () => {
    expect(await stateOf(await exported('iso'), { cd: true })).toBe('data.ram');
  });

  it('an ISO written to a disk, in memory', { timeout: TEST_MS }, async () => {
    expect(await stateOf(await exported('iso'))).toBe('data.ram');
  });

  it(
    'the disk for GCE, which is larger, with its data partition',
    { timeout: TEST_MS },
    async () => {
      await run('tar', ['-xzSf', await exported('gce'), '-C', out]);
      expect(await stateOf(path.join(out, 'disk.raw'))).toBe('data.mounted');
    },
  );
});

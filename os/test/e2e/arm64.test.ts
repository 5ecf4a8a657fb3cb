import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { buildKernel, kernelDesign } from '../../src/build/kernel/build.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { compareFailures, readAccepted } from '../../src/checks/hardening/accepted.ts';
import { checkKernel } from '../../src/checks/hardening/check-kernel.ts';
import { machineDir } from '../../src/lab/node.ts';
import { MILESTONES } from '../../src/lab/phases.ts';
import { Console } from '../../src/lab/qemu/console.ts';
import { Machine } from '../../src/lab/qemu/machine.ts';
import { freePort } from '../../src/workstation/free-port.ts';
import { repository } from '../../src/workstation/paths.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';

/**
 * Records the design that booted last. It is committed, because building and booting that kernel takes most of an hour.
 */
const RECORD = path.join(repository, 'os/kernel/arm64.booted');
const BUILD_AND_BOOT_MS = 80 * 60_000;
const STEP_MS = 300_000;

const progress = progressOn({ write: (text) => process.stdout.write(text) });

const booted = async (): Promise<string> => (await readFile(RECORD, 'utf8').catch(() => '')).trim();

async function boot(): Promise<void> {
  const kernel = await buildKernel('arm64', await openToolroot(progress), progress);
  const checks = await checkKernel('arm64', kernel, progress);
  expect(compareFailures(checks, await readAccepted('arm64'))).toEqual({ unknown: [], gone: [] });
  const { image } = await buildImage({ arch: 'arm64', progress });
  const machine = new Machine(machineDir('arm64'), 'arm64');
  await machine.create(image);
  using console = new Console(machine.file('console'));
  try {
    const kubeletPort = await freePort();
    await machine.start({
      accelerator: 'tcg',
      memoryMiB: 2048,
      cpus: 2,
      kubeletPort,
      workstationPorts: [],
      commandLine: [],
    });
    const started = await console.expect('the kernel', MILESTONES.kernel.reachedBy, STEP_MS);
    expect(started.fields['kernel']).toBe(kernel.version);
    for (const { name, reachedBy } of [MILESTONES.runtime, MILESTONES.firstPod, MILESTONES.lease])
      await console.expect(name, reachedBy, STEP_MS);
    const modules = await console.expect(
      'modloader',
      ({ agent, ev }) => agent === 'modloader' && ev === 'ready',
      STEP_MS,
    );
    expect(modules.fields['failed']).toBe(0);
  } finally {
    await machine.stop();
  }
}

describe('the kernel for arm64', () => {
  it(
    'boots through UEFI to the first static pod and a lease',
    { timeout: BUILD_AND_BOOT_MS },
    async () => {
      const design = await kernelDesign('arm64');
      if ((await booted()) !== design) {
        await boot();
        await writeFile(RECORD, `${design}\n`);
      }
      expect(await booted()).toBe(design);
    },
  );
});

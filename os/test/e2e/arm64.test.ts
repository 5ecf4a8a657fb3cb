import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { openToolroot } from '../../src/debian/toolroot.ts';
import { compareFailures, readAccepted } from '../../src/hardening/accepted.ts';
import { checkKernel } from '../../src/hardening/check-kernel.ts';
import { freePort } from '../../src/host/free-port.ts';
import { ensurePackages } from '../../src/host/packages.ts';
import { repository } from '../../src/host/paths.ts';
import { buildImage } from '../../src/image/build.ts';
import { buildKernel, kernelDesign } from '../../src/kernel/build.ts';
import { Console } from '../../src/qemu/console.ts';
import { Machine } from '../../src/qemu/machine.ts';
import { progressOn } from '../../src/terminal/progress.ts';
import { machineDir } from '../../src/try-out/node.ts';
import { MILESTONES } from '../../src/try-out/phases.ts';

/** The design that booted last. It is committed: building that kernel again and emulating it takes most of an hour. */
const RECORD = path.join(repository, 'os/kernel/arm64.booted');
const BUILD_AND_BOOT_MS = 80 * 60_000;
const STEP_MS = 300_000;

const progress = progressOn({ write: (text) => process.stdout.write(text) });

const booted = async (): Promise<string> => (await readFile(RECORD, 'utf8').catch(() => '')).trim();

async function boot(): Promise<void> {
  await ensurePackages(['arm64'], progress);
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

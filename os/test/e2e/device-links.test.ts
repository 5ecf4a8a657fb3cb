import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, it } from 'vitest';

import { openKernel } from '../../src/build/kernel/open-kernel.ts';
import { extract, fetchDebian } from '../../src/build/sources/debian/archive.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { ensureGo } from '../../src/build/sources/upstream/go-toolchain.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { distRoot, repository } from '../../src/workstation/paths.ts';
import { run } from '../../src/workstation/run.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { runInGuest } from '../support/own-kernel/run-in-guest.ts';
import { describeRecorded } from '../support/recorded.ts';
import { CONTROLLERS, DISKS, makeDisks } from '../support/udev/disks.ts';

const BUILD_MS = 70 * 60_000;
const RUN_MS = 10 * 60_000;
const TEST = 'TestOnAMachineWithUdev';
const LINKS = path.join(repository, 'init/internal/devlinks');

/** udev with its rules for disks, and its libraries. */
const UDEV = [
  'base-files', 'udev', 'libacl1', 'libblkid1', 'libc6', 'libcap2', 'libkmod2', 'liblzma5', 'libpcre2-8-0', 'libselinux1', 'libssl3t64', 'libudev1',
  'libzstd1', 'libgcc-s1', 'libcrypt1', 'libmount1', 'libseccomp2', 'libaudit1', 'libcap-ng0', 'libpam0g', 'libsystemd-shared', 'zlib1g',
]; // prettier-ignore

/** Drivers of the USB disk, in the order in which they are loaded. */
const MODULES = ['usb-common', 'usbcore', 'xhci-hcd', 'xhci-pci', 'usb-storage'];

const progress = progressOn({ write: (text) => process.stdout.write(text) });

async function moduleFiles(): Promise<string[]> {
  const kernel = await openKernel(
    'kios',
    workstationArch(),
    await openToolroot(progress),
    progress,
  );
  const files = await readdir(kernel.modules, { recursive: true });
  return MODULES.map((name) => {
    const file = files.find((each) => path.basename(each) === `${name}.ko`);
    if (file === undefined) throw new Error(`the kernel has no module ${name}`);
    return path.join(kernel.modules, file);
  });
}

/** Compiles the test that runs in the guest. */
async function testProgram(folder: string): Promise<string> {
  const program = path.join(folder, 'devlinks.test');
  const args = ['test', '-c', '-tags', 'udev', '-o', program, '.'];
  await run(await ensureGo(progress), args, { cwd: LINKS, env: { CGO_ENABLED: '0' } });
  return program;
}

await describeRecorded('device-links', () => {
  // With KIOS_RECORD=1 it also writes what init's unit test compares with.
  it(
    'init’s links to disks are those of Debian’s udev',
    { timeout: BUILD_MS + RUN_MS },
    async () => {
      await ensurePackages(['build', 'machine'], progress);
      await mkdir(distRoot, { recursive: true });
      // The guest sees this workstation's files, but a /tmp of its own.
      const folder = await mkdtemp(path.join(distRoot, 'udev-'));
      try {
        await makeDisks(folder, progress);
        const udev = await fetchDebian({ arch: workstationArch(), packages: UDEV, progress });
        const guest = await runInGuest(
          {
            command: [await testProgram(folder), '-test.v', `-test.run=${TEST}`],
            cwd: '/tmp',
            env: {
              KIOS_UDEV_ROOT: await extract(udev),
              KIOS_UDEV_MODULES: (await moduleFiles()).join(' '),
              KIOS_UDEV_LAST: 'sdf1',
              KIOS_UDEV_DEVICE: 'vda2',
              KIOS_UDEV_GONE: 'sda',
              KIOS_UDEV_RECORD: '/tmp/udev.json',
            },
            result: '/tmp/udev.json',
          },
          RUN_MS,
          progress,
          {
            devices: [
              ...CONTROLLERS.flatMap((controller) => ['-device', controller]),
              ...DISKS.flatMap(({ id, device }) => [
                '-drive',
                `if=none,id=${id},format=raw,file=${path.join(folder, `${id}.img`)},cache=unsafe`,
                '-device',
                `${device},drive=${id}`,
              ]),
            ],
          },
        );
        expect(guest.output).toContain(`--- PASS: ${TEST}`);
        expect(guest.exitCode).toBe(0);
        if (process.env['KIOS_RECORD'] === '1')
          await writeFile(path.join(LINKS, 'testdata/udev.json'), `${guest.result}\n`);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    },
  );
});

import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { MACHINE_FILES } from '../../src/lab/qemu/arguments.ts';
import { openEmulator } from '../../src/lab/qemu/emulator.ts';
import { splitFlags } from '../../src/lab/qemu/flags.ts';
import { launchQemu } from '../../src/lab/qemu/launch.ts';
import { qmp } from '../../src/lab/qemu/qmp.ts';
import { terminate } from '../../src/workstation/process.ts';

const ARGS = splitFlags([
  '-machine q35',
  '-accel tcg',
  '-m 64',
  '-nodefaults',
  '-display none',
  '-netdev user,id=net0',
  '-device virtio-net-pci,netdev=net0,romfile=',
  `-qmp unix:${MACHINE_FILES.qmp},server=on,wait=off`,
]);

let qemu: readonly string[] = [];
beforeAll(async () => {
  qemu = [...(await openEmulator('amd64')).command, ...ARGS];
}, 300_000);

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-qemu-'));
});
afterEach(() => rm(dir, { recursive: true }));

it('QEMU runs in its sandbox, and not as root', async () => {
  const identity = await launchQemu(dir, qemu);
  try {
    const status = await readFile(`/proc/${identity.pid}/status`, 'utf8');
    expect(status).toMatch(/^Seccomp:\t2$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    expect(status).not.toMatch(/^Uid:.*\t0(?:\t|$)/m);
    expect(status).toMatch(/^CapEff:\t0+$/m);
  } finally {
    await terminate(identity);
  }
});

it('a QEMU that its guest has taken over starts no program', async () => {
  const identity = await launchQemu(dir, qemu);
  try {
    const mark = path.join(dir, 'mark');
    await qmp(dir, MACHINE_FILES.qmp, 'migrate', { uri: `exec:touch ${mark}` }).catch(() => {});
    await qmp(dir, MACHINE_FILES.qmp, 'query-status').catch(() => {});
    expect(existsSync(mark)).toBe(false);
  } finally {
    await terminate(identity);
  }
});

it('a QEMU that does not start says why', async () => {
  await expect(launchQemu(dir, [...qemu, '-device', 'no-such-device'])).rejects.toThrow(
    /^start the virtual machine: .*no-such-device/,
  );
});

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { chooseAccelerator } from '../../../../src/lab/qemu/accelerator.ts';
import { findFirmware } from '../../../../src/lab/qemu/firmware.ts';

let share: string;

beforeEach(async () => {
  share = await mkdtemp(path.join(tmpdir(), 'kios-share-'));
  await mkdir(path.join(share, 'OVMF'));
});

afterEach(() => rm(share, { recursive: true }));

const ship = (...names: readonly string[]): Promise<unknown> =>
  Promise.all(names.map((name) => writeFile(path.join(share, 'OVMF', name), '')));

it('prefers the 4 MiB build to the old one', async () => {
  await ship('OVMF_CODE.fd', 'OVMF_VARS.fd', 'OVMF_CODE_4M.fd', 'OVMF_VARS_4M.fd');
  expect((await findFirmware('amd64', share)).code).toBe(path.join(share, 'OVMF/OVMF_CODE_4M.fd'));
});

it('skips firmware without its variables', async () => {
  await ship('OVMF_CODE_4M.fd', 'OVMF_CODE.fd', 'OVMF_VARS.fd');
  expect((await findFirmware('amd64', share)).vars).toBe(path.join(share, 'OVMF/OVMF_VARS.fd'));
});

it('takes only firmware for the machine’s architecture', async () => {
  await ship('OVMF_CODE_4M.fd', 'OVMF_VARS_4M.fd');
  await expect(findFirmware('arm64', share)).rejects.toMatchObject({
    remedy: 'Install the package qemu-efi-aarch64.',
  });
});

it('names the package to install when there is none', async () => {
  await expect(findFirmware('amd64', share)).rejects.toMatchObject({
    code: 'KIOS_FIRMWARE_MISSING',
    remedy: 'Install the package ovmf.',
  });
});

it('takes the accelerator from KIOS_ACCEL and refuses an unknown one', async () => {
  expect(await chooseAccelerator('tcg')).toBe('tcg');
  await expect(chooseAccelerator('hvf')).rejects.toMatchObject({ code: 'KIOS_CLI_USAGE' });
});

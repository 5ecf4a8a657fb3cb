import { stat } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import type { Arch } from '../../workstation/paths.ts';
import { type Firmware, PLATFORMS } from './platform.ts';

const isFile = async (file: string): Promise<boolean> =>
  stat(file).then(
    (found) => found.isFile(),
    () => false,
  );

/** Returns the first known firmware that is complete. `share` is the folder where packages install data files. */
export async function findFirmware(arch: Arch, share = '/usr/share'): Promise<Firmware> {
  const { firmware, firmwarePackage } = PLATFORMS[arch];
  for (const candidate of firmware) {
    const code = path.join(share, candidate.code);
    const vars = path.join(share, candidate.vars);
    if ((await isFile(code)) && (await isFile(vars))) return { code, vars };
  }
  throw new KiosError('KIOS_FIRMWARE_MISSING', `find UEFI firmware for QEMU below ${share}`, {
    exitCode: EXIT.unavailable,
    remedy: `Install the package ${firmwarePackage}.`,
  });
}

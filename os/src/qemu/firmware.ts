import { stat } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

/** UEFI firmware for a guest: code that is shared, and the template of the variables each machine has a copy of. */
export interface Firmware {
  readonly code: string;
  readonly vars: string;
}

/** Debian 12, 13 and Ubuntu ship the 4 MiB build under /usr/share/OVMF; older releases only the 2 MiB one. */
const CANDIDATES: readonly Firmware[] = [
  { code: 'OVMF/OVMF_CODE_4M.fd', vars: 'OVMF/OVMF_VARS_4M.fd' },
  { code: 'OVMF/OVMF_CODE.fd', vars: 'OVMF/OVMF_VARS.fd' },
  { code: 'edk2/x64/OVMF_CODE.4m.fd', vars: 'edk2/x64/OVMF_VARS.4m.fd' },
];

const isFile = async (file: string): Promise<boolean> =>
  stat(file).then(
    (found) => found.isFile(),
    () => false,
  );

/** The first firmware of the known ones that is complete; `share` is where packages put data files. */
export async function findFirmware(share = '/usr/share'): Promise<Firmware> {
  for (const candidate of CANDIDATES) {
    const code = path.join(share, candidate.code);
    const vars = path.join(share, candidate.vars);
    if ((await isFile(code)) && (await isFile(vars))) return { code, vars };
  }
  throw new KiosError('KIOS_FIRMWARE_MISSING', `find UEFI firmware for QEMU below ${share}`, {
    exitCode: EXIT.unavailable,
    remedy: 'install the package ovmf',
  });
}

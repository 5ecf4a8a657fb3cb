import { access, constants, copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import { execa } from 'execa';

import { tailFile } from '../../workstation/tail-file.ts';
import { type Emulator, openEmulator } from './emulator.ts';
import { splitFlags } from './flags.ts';
import { machineFlags } from './platform.ts';

export const ACCELERATORS = ['kvm', 'tcg'] as const;
export type Accelerator = (typeof ACCELERATORS)[number];

const PROBE_TIMEOUT_MS = 5000;
/** OVMF prints this once memory, paging and drivers work and it looks for a boot device. */
const FIRMWARE_ALIVE = 'BdsDxe';

const kvmAvailable = async (): Promise<boolean> =>
  access('/dev/kvm', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );

/**
 * Runs the firmware under KVM without a disk until it looks for one. A usable /dev/kvm proves nothing: some nested
 * hypervisors run real-mode code and then fail in the firmware.
 */
async function firmwareRunsUnderKvm({ command, firmware }: Emulator): Promise<boolean> {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-kvm-'));
  const vars = path.join(dir, 'vars.fd');
  const serial = path.join(dir, 'serial.log');
  const stop = new AbortController();
  try {
    await copyFile(firmware.vars, vars);
    const [program = '', ...first] = command;
    const guest = execa(
      program,
      [
        ...first,
        ...splitFlags([
          '-accel kvm',
          ...machineFlags('amd64'),
          '-m 256',
          '-nodefaults',
          '-no-user-config',
          '-display none',
          `-drive if=pflash,format=raw,readonly=on,file=${firmware.code}`,
          `-drive if=pflash,format=raw,file=${vars}`,
          `-serial file:${serial}`,
        ]),
      ],
      { reject: false, stdin: 'ignore', cancelSignal: stop.signal, timeout: PROBE_TIMEOUT_MS },
    );
    const alive = async (): Promise<boolean> => {
      for await (const line of tailFile(serial, stop.signal))
        if (line.includes(FIRMWARE_ALIVE)) return true;
      return false;
    };
    return await Promise.race([alive(), guest.then(() => false)]);
  } finally {
    stop.abort();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Returns KVM when a probe shows that a guest really runs, otherwise emulation. KIOS_ACCEL=kvm|tcg skips the probe. */
export async function chooseAccelerator(wanted = process.env['KIOS_ACCEL']): Promise<Accelerator> {
  if (wanted !== undefined && wanted !== '') {
    const known = ACCELERATORS.find((name) => name === wanted);
    if (known !== undefined) return known;
    throw new KiosError('KIOS_CLI_USAGE', `use KIOS_ACCEL=${wanted}: it is neither kvm nor tcg`, {
      exitCode: EXIT.usage,
    });
  }
  if (process.arch !== 'x64' || !(await kvmAvailable())) return 'tcg';
  return (await firmwareRunsUnderKvm(await openEmulator('amd64'))) ? 'kvm' : 'tcg';
}

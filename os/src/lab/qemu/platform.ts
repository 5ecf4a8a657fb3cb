import type { Arch } from '../../workstation/paths.ts';

/** UEFI firmware for a guest: the code, which is shared, and a template of the variables that each machine copies. */
export interface Firmware {
  readonly code: string;
  readonly vars: string;
}

/** QEMU's program and machine for one architecture. */
interface Platform {
  readonly program: string;
  readonly flags: readonly string[];
  /** Files that packages install below /usr/share, the best first. */
  readonly firmware: readonly Firmware[];
  /** The package that installs the firmware. */
  readonly firmwarePackage: string;
}

export const PLATFORMS: Readonly<Record<Arch, Platform>> = {
  amd64: {
    program: 'qemu-system-x86_64',
    flags: ['-machine q35', '-cpu max'],
    // Debian 12, 13 and Ubuntu ship the 4 MiB build; older releases only the 2 MiB one.
    firmware: [
      { code: 'OVMF/OVMF_CODE_4M.fd', vars: 'OVMF/OVMF_VARS_4M.fd' },
      { code: 'OVMF/OVMF_CODE.fd', vars: 'OVMF/OVMF_VARS.fd' },
      { code: 'edk2/x64/OVMF_CODE.4m.fd', vars: 'edk2/x64/OVMF_VARS.4m.fd' },
    ],
    firmwarePackage: 'ovmf',
  },
  arm64: {
    program: 'qemu-system-aarch64',
    // Pointers are signed with QEMU's own hash: emulating that of real processors would take most of the time.
    flags: ['-machine virt,gic-version=3', '-cpu max,pauth-impdef=on'],
    firmware: [
      { code: 'AAVMF/AAVMF_CODE.no-secboot.fd', vars: 'AAVMF/AAVMF_VARS.fd' },
      { code: 'AAVMF/AAVMF_CODE.fd', vars: 'AAVMF/AAVMF_VARS.fd' },
    ],
    firmwarePackage: 'qemu-efi-aarch64',
  },
};

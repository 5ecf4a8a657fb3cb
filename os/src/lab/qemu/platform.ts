import type { Arch } from '../../workstation/paths.ts';

/** UEFI firmware for a guest: the code, which is shared, and a template of the variables that each machine copies. */
export interface Firmware {
  readonly code: string;
  readonly vars: string;
  /** The code that can enforce Secure Boot, where there is one; it uses the same variables. */
  readonly secureCode?: string;
}

/** QEMU's program and machine for one architecture. */
interface Platform {
  readonly program: string;
  readonly machine: string;
  /** The model of the processor, where nobody asks for another. */
  readonly processor: string;
  /** Debian's packages of the program and the firmware. */
  readonly packages: readonly string[];
  /** Files below /usr/share of these packages. */
  readonly firmware: Firmware;
  /** Physical address of the memory; all of the first 2 GiB is in one piece. */
  readonly memoryStart: number;
}

export const PLATFORMS: Readonly<Record<Arch, Platform>> = {
  amd64: {
    program: 'qemu-system-x86_64',
    machine: 'q35',
    // The kernel copies byte by byte where a processor is fast at that (FSRM, ERMS). QEMU's is not: every byte takes a
    // turn of a loop, and `kios bench boot` counts an instruction for it. The kernel waits for work by MWAIT where
    // there is one (MONITOR), and QEMU's never sleeps on a machine with two processors: an idle guest would keep two
    // of the workstation's busy.
    processor: 'max,fsrm=off,erms=off,monitor=off',
    packages: ['qemu-system-x86', 'ovmf'],
    firmware: {
      code: 'OVMF/OVMF_CODE_4M.fd',
      vars: 'OVMF/OVMF_VARS_4M.fd',
      secureCode: 'OVMF/OVMF_CODE_4M.secboot.fd',
    },
    memoryStart: 0,
  },
  arm64: {
    program: 'qemu-system-aarch64',
    machine: 'virt,gic-version=3',
    // Pointers are signed with QEMU's own hash: emulating that of real processors would take most of the time.
    processor: 'max,pauth-impdef=on',
    packages: ['qemu-system-arm', 'qemu-efi-aarch64'],
    firmware: { code: 'AAVMF/AAVMF_CODE.no-secboot.fd', vars: 'AAVMF/AAVMF_VARS.fd' },
    memoryStart: 2 ** 30,
  },
};

/** Returns the flags of QEMU for the machine of an architecture. */
export function machineFlags(arch: Arch, processor = PLATFORMS[arch].processor): string[] {
  return [`-machine ${PLATFORMS[arch].machine}`, `-cpu ${processor}`];
}

/** Returns further flags for firmware that keeps its variables from the system, by a mode that only a PC has (SMM). */
export const secureBootFlags = (): string[] => [
  '-machine smm=on',
  '-global driver=cfi.pflash01,property=secure,value=on',
];

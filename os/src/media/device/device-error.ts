import { EXIT, KiosError } from '@kios/errors';

/** Faults of a device, by what a person can do about them. */
export type DeviceFault = 'busy' | 'changed' | 'denied' | 'full' | 'gone' | 'io' | 'protected';

const FAULTS = {
  busy: {
    code: 'KIOS_FLASH_REFUSED',
    exitCode: EXIT.unavailable,
    remedy: 'Unmount its file systems and stop what uses it: swap, LVM, RAID, a virtual machine.',
  },
  changed: {
    code: 'KIOS_FLASH_CHANGED',
    exitCode: EXIT.unavailable,
    remedy: 'Nothing was written; look at ./kios flash --list and start again.',
  },
  denied: {
    code: 'KIOS_FLASH_ROOT',
    exitCode: EXIT.permission,
    remedy: 'Run it as a user who may use sudo, or as root.',
  },
  full: {
    code: 'KIOS_FLASH_FULL',
    exitCode: EXIT.system,
    remedy: 'The medium holds less than it says, so use another one.',
  },
  gone: {
    code: 'KIOS_FLASH_GONE',
    exitCode: EXIT.system,
    remedy: 'Plug it in again, in another port or without a hub, and start again.',
  },
  io: {
    code: 'KIOS_FLASH_IO',
    exitCode: EXIT.system,
    remedy: 'Try another port or card reader, then another medium: this one may be worn out.',
  },
  protected: {
    code: 'KIOS_FLASH_REFUSED',
    exitCode: EXIT.unavailable,
    remedy: 'Move the lock on the card or its adapter.',
  },
} as const;

/** Describes a fault of a device; `attempt` reads `write 4096 bytes at byte 0 of /dev/sdb`. */
export function deviceError(fault: DeviceFault, attempt: string, detail: string): KiosError {
  const { code, exitCode, remedy } = FAULTS[fault];
  return new KiosError(code, `${attempt}: ${detail}`, { exitCode, remedy });
}

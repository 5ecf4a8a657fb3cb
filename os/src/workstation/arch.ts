import { EXIT, KiosError } from '@kios/errors';

import type { Arch } from './paths.ts';

/** Returns the workstation's architecture. */
export function workstationArch(): Arch {
  if (process.arch === 'x64') return 'amd64';
  if (process.arch === 'arm64') return 'arm64';
  throw new KiosError(
    'KIOS_UPSTREAM_ARCH',
    `build on ${process.arch}: only x86-64 and arm64 are supported`,
    {
      exitCode: EXIT.unavailable,
      remedy: 'Build on an x86-64 or arm64 machine.',
    },
  );
}

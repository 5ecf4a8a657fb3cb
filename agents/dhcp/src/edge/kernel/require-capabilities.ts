import { readFileSync } from 'node:fs';

import { EXIT, KiosError } from '@kios/errors';

import { type Capability, missingCapabilities } from '../../core/kernel/capabilities.ts';

/** Fails when capabilities are missing, and names them. Called before anything is changed. */
export function requireCapabilities(...needed: readonly Capability[]): void {
  const missing = missingCapabilities(readFileSync('/proc/self/status', 'latin1'), needed);
  if (missing.length === 0) return;
  throw new KiosError('KIOS_CAPABILITY', `configure network without ${missing.join(', ')}`, {
    exitCode: EXIT.permission,
    remedy: "Add them to the container's capabilities.",
  });
}

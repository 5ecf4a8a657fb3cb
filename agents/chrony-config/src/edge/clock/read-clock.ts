import { BootState, HostState, readStateIfThere, Release, STATE } from '@kios/node-state';
import { adjtimex } from '@kios/syscall';

import type { Reading } from '../../core/clock/clock.ts';

/** The floor when neither init nor the image says when it was built: no image is older than this source. */
const OLDEST_IMAGE = Date.parse('2026-01-01T00:00:00Z');

export function readClock(): Reading {
  const kernel = adjtimex();
  return {
    now: Date.now(),
    steady: performance.now(),
    synchronised: kernel.synchronised,
    maxErrorSeconds: kernel.maxErrorMicroseconds / 1e6,
  };
}

/**
 * Returns the time, in milliseconds, before which the clock is certainly wrong: by default when the image was built.
 */
export async function readFloor(floor: string): Promise<number> {
  if (floor !== 'auto') return Date.parse(floor);
  const host = await readStateIfThere(HostState, STATE.host).catch(() => undefined);
  const boot = await readStateIfThere(BootState, STATE.boot).catch(() => undefined);
  const release = await readStateIfThere(Release, STATE.release).catch(() => undefined);
  const built = Date.parse(host?.buildTime ?? boot?.buildTime ?? release?.buildTime ?? '');
  return Number.isNaN(built) ? OLDEST_IMAGE : built;
}

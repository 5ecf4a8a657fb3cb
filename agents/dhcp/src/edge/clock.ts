import { readFileSync } from 'node:fs';

import type { Millis } from '../core/timing.ts';

/** CLOCK_BOOTTIME: unlike the monotonic clock it goes on while the machine is suspended, as leases do. */
export function bootTime(): Millis {
  return Math.round(Number(readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0]) * 1000);
}

/** Names this boot; times of another boot mean nothing. */
export const readBootId = (): string =>
  readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

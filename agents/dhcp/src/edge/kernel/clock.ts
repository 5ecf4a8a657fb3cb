import { readFileSync } from 'node:fs';

import { bootClock } from '@kios/syscall';

import type { Clocks } from '../../core/client/record.ts';
import type { Millis } from '../../core/client/timing.ts';

/** CLOCK_BOOTTIME. Like leases, and unlike the monotonic clock, it goes on while the machine is suspended. */
export const bootTime = (): Millis => Math.round(bootClock());

export const readClocks = (): Clocks => ({ now: bootTime(), wall: Date.now() });

/** Returns this boot's identity. Times of another boot mean nothing. */
export const readBootId = (): string =>
  readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();

import { adjtimex, bootClock } from '@kios/syscall';

/** One reading of the clock. */
export interface Reading {
  /** The wall clock in milliseconds. */
  readonly now: number;
  /** CLOCK_BOOTTIME, which never jumps, in milliseconds. */
  readonly steady: number;
  /** Whether the kernel says that someone disciplines the clock: adjtimex(2), without STA_UNSYNC. */
  readonly synchronised: boolean;
  /** The kernel's bound on the error. */
  readonly maxErrorSeconds: number;
}

/** Reads the kernel's clock. Needs no privilege. */
export function readClock(): Reading {
  const kernel = adjtimex();
  return {
    now: Date.now(),
    steady: bootClock(),
    synchronised: kernel.synchronised,
    maxErrorSeconds: kernel.maxErrorMicroseconds / 1e6,
  };
}

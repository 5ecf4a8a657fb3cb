import { errno, libc } from './libc.ts';
import { SyscallError } from './syscall-error.ts';

const TIMEX_SIZE = 208;
const TIME_ERROR = 5;
const STA_UNSYNC = 0x40;
const STA_NANO = 0x2000;

/** The kernel's clock discipline as adjtimex(2) with no modes reports it. */
export interface KernelClock {
  /** Return value of the call; 5 (TIME_ERROR) means unsynchronised. */
  readonly state: number;
  readonly status: number;
  readonly synchronised: boolean;
  /** Remaining phase offset. */
  readonly offsetNanoseconds: number;
  readonly frequencyPpm: number;
  readonly maxErrorMicroseconds: number;
  readonly estimatedErrorMicroseconds: number;
  readonly taiOffsetSeconds: number;
}

/** Reads the kernel's clock discipline. Needs no privilege. */
export function adjtimex(): KernelClock {
  const timex = Buffer.alloc(TIMEX_SIZE);
  const state = libc.adjtimex()(timex);
  if (state < 0) throw new SyscallError('adjtimex', errno(), 'read kernel clock');
  const long = (offset: number): number => Number(timex.readBigInt64LE(offset));
  const status = timex.readInt32LE(40);
  return {
    state,
    status,
    synchronised: state !== TIME_ERROR && (status & STA_UNSYNC) === 0,
    offsetNanoseconds: long(8) * ((status & STA_NANO) === 0 ? 1000 : 1),
    frequencyPpm: long(16) / 65_536,
    maxErrorMicroseconds: long(24),
    estimatedErrorMicroseconds: long(32),
    taiOffsetSeconds: timex.readInt32LE(160),
  };
}

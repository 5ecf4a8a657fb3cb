import { type Channel, DescriptorChannel } from './channel.ts';
import { errno, libc } from './libc.ts';
import { SyscallError } from './syscall-error.ts';

const CLOCK_BOOTTIME = 7;
const TFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const TFD_TIMER_ABSTIME = 1;
const NANOSECONDS = 1_000_000;

/** Returns the milliseconds since boot, including time in suspend. */
export function bootClock(): number {
  const time = Buffer.alloc(16);
  if (libc.clockGettime()(CLOCK_BOOTTIME, time) < 0) {
    throw new SyscallError('clock_gettime', errno(), 'read boot clock');
  }
  return Number(time.readBigInt64LE(0)) * 1000 + Number(time.readBigInt64LE(8)) / NANOSECONDS;
}

/** A timer of CLOCK_BOOTTIME. A time that passes while the machine is suspended fires on resume. */
export interface BootTimer extends Disposable {
  /** Arms the timer for one time of `bootClock` in place of any earlier one; undefined disarms it. */
  set(at: number | undefined): void;
  /** Resolves when the timer has fired. */
  fired(signal?: AbortSignal): Promise<void>;
}

export function openBootTimer(): BootTimer {
  const fd = libc.timerfdCreate()(CLOCK_BOOTTIME, TFD_NONBLOCK_CLOEXEC);
  if (fd < 0) throw new SyscallError('timerfd_create', errno(), 'open timer');
  const channel: Channel = new DescriptorChannel(fd, 'timer');
  return {
    set(at) {
      // At least 1, because 0 would disarm the timer; an overdue time fires at once.
      const due = at === undefined ? 0 : Math.max(1, Math.ceil(at));
      const spec = Buffer.alloc(32);
      spec.writeBigInt64LE(BigInt(Math.floor(due / 1000)), 16);
      spec.writeBigInt64LE(BigInt((due % 1000) * NANOSECONDS), 24);
      const result = libc.timerfdSettime()(fd, TFD_TIMER_ABSTIME, spec, null);
      if (result < 0) throw new SyscallError('timerfd_settime', errno(), 'set timer');
    },
    async fired(signal) {
      await channel.receive(signal);
    },
    [Symbol.dispose]: () => channel.close(),
  };
}

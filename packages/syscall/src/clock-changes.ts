import { DescriptorChannel } from './channel.ts';
import { errno, libc } from './libc.ts';
import { isErrno, SyscallError } from './syscall-error.ts';

const CLOCK_REALTIME = 0;
const TFD_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const TFD_TIMER_ABSTIME = 1;
const TFD_TIMER_CANCEL_ON_SET = 2;
/** The last second that the kernel's count of nanoseconds can have. */
const NEVER = 9_223_372_035n;

/** Tells when someone sets the wall clock. Slewing is no change. */
export interface ClockChanges extends Disposable {
  /** Resolves when the clock was set since the last call. One waiter at a time. Rejects when aborted or closed. */
  changed(signal?: AbortSignal): Promise<void>;
}

/** Opens a timer that the kernel cancels when the wall clock is set: timerfd_create(2), TFD_TIMER_CANCEL_ON_SET. */
export function openClockChanges(): ClockChanges {
  const fd = libc.timerfdCreate()(CLOCK_REALTIME, TFD_NONBLOCK_CLOEXEC);
  if (fd < 0) throw new SyscallError('timerfd_create', errno(), 'open timer');
  const channel = new DescriptorChannel(fd, 'timer');
  const spec = Buffer.alloc(32);
  spec.writeBigInt64LE(NEVER, 16);
  const flags = TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET;
  if (libc.timerfdSettime()(fd, flags, spec, null) < 0) {
    const failure = new SyscallError('timerfd_settime', errno(), 'follow changes of the clock');
    channel.close();
    throw failure;
  }
  let isOpen = true;
  return {
    async changed(signal) {
      try {
        await channel.receive(signal);
      } catch (error) {
        // The cancelled timer goes on, so that the next call waits for the next change.
        if (!isOpen || !isErrno(error, 'ECANCELED')) throw error;
      }
    },
    [Symbol.dispose]() {
      isOpen = false;
      channel.close();
    },
  };
}

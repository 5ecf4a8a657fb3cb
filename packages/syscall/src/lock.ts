import { closeSync, constants, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

import { errno, libc } from './libc.ts';
import { errnoName, SyscallError } from './syscall-error.ts';

/** From linux/fcntl.h, on every architecture. */
const F_OFD_SETLK = 37;
const F_WRLCK = 1;
/** `struct flock` of 64-bit Linux: type, whence, start, length and process, of which 0 bytes mean the whole file. */
const FLOCK_SIZE = 32;
/** The kernel's replies while somebody else holds the lock. POSIX allows both. */
const HELD: ReadonlySet<string> = new Set(['EAGAIN', 'EACCES']);
/** A reader can take a shared lock, which keeps the writer's out; so nobody but the owner may even read. */
const OWNER_ONLY = 0o600;
const MAX_HOLDER = 128;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 1000;
const REPORT_EVERY_MS = 60_000;

/** A single-instance lock. The kernel releases it when the process ends, in whatever way. */
export interface Lock extends Disposable {
  readonly file: string;
}

/** The process that holds a lock, in its own words. In a pod most have the id 1, but no two start at the same time. */
export interface Holder {
  readonly pid: number;
  /** RFC 3339. */
  readonly since: string;
}

export interface LockOptions {
  readonly signal?: AbortSignal;
  /** Called when the wait begins, and every minute while it lasts. */
  readonly waiting?: (holder: Holder | undefined) => void;
}

/**
 * Takes the lock on a file, which is created if need be. Returns undefined while another process holds it, or another
 * lock of this one.
 *
 * Whoever can open the file can hold its lock, so it belongs into a folder that only the programs it keeps apart can
 * reach. It is a lock of the open file (F_OFD_SETLK in fcntl(2)) and not of the process: a child that this process
 * starts does not hold it, and closing another descriptor of the file does not release it.
 */
export function tryLock(file: string): Lock | undefined {
  const fd = openLock(file);
  try {
    if (!setLock(fd, file)) {
      closeSync(fd);
      return undefined;
    }
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  introduce(fd);
  let isOpen = true;
  return {
    file,
    [Symbol.dispose]: () => {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

/**
 * Takes the lock, waiting without limit while another process holds it. It asks again at most once a second: a blocking
 * call would keep a thread that nothing can interrupt.
 */
export async function lock(file: string, { signal, waiting }: LockOptions = {}): Promise<Lock> {
  let reportAt = 0;
  for (let retryMs = FIRST_RETRY_MS; ; retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS)) {
    signal?.throwIfAborted();
    const taken = tryLock(file);
    if (taken !== undefined) return taken;
    const now = performance.now();
    if (now >= reportAt) {
      waiting?.(readHolder(file));
      reportAt = now + REPORT_EVERY_MS;
    }
    await delay(retryMs, undefined, signal && { signal });
  }
}

function openLock(file: string): number {
  const { O_RDWR, O_CREAT, O_NOFOLLOW } = constants;
  try {
    return openSync(file, O_RDWR | O_CREAT | O_NOFOLLOW, OWNER_ONLY);
  } catch (error) {
    throw new SyscallError('open', errnoName(error), `lock ${file}`);
  }
}

function setLock(fd: number, file: string): boolean {
  const flock = Buffer.alloc(FLOCK_SIZE);
  flock.writeInt16LE(F_WRLCK, 0);
  if (libc.fcntl()(fd, F_OFD_SETLK, flock) === 0) return true;
  const failure = new SyscallError('fcntl', errno(), `lock ${file}`);
  if (HELD.has(failure.errno)) return false;
  throw failure;
}

/** Writes who holds the lock, for those who wait. The kernel does not say, and the lock holds on a full disk too. */
function introduce(fd: number): void {
  const holder: Holder = { pid: process.pid, since: new Date().toISOString() };
  try {
    ftruncateSync(fd);
    writeSync(fd, `${JSON.stringify(holder)}\n`, 0);
  } catch {
    // The lock itself needs no space.
  }
}

/** Reads who holds the lock. Undefined when the holder has not written it yet. */
function readHolder(file: string): Holder | undefined {
  const fd = openLock(file);
  try {
    const bytes = Buffer.alloc(MAX_HOLDER);
    const holder: unknown = JSON.parse(bytes.toString('utf8', 0, readSync(fd, bytes)));
    return isHolder(holder) ? { pid: holder.pid, since: holder.since } : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function isHolder(value: unknown): value is Holder {
  if (typeof value !== 'object' || value === null) return false;
  return (
    'pid' in value &&
    typeof value.pid === 'number' &&
    'since' in value &&
    typeof value.since === 'string'
  );
}

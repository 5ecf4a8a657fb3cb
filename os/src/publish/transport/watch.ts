import { readFile } from 'node:fs/promises';

/** The bytes that a process has read and written. */
interface Moved {
  readonly read: number;
  readonly written: number;
}

/** Reads them from the kernel, which counts sockets too (proc(5), /proc/pid/io). */
async function movedBy(pid: number): Promise<Moved | undefined> {
  const text = await readFile(`/proc/${pid}/io`, 'utf8').catch(() => '');
  const read = /^rchar: (\d+)$/m.exec(text)?.[1];
  const written = /^wchar: (\d+)$/m.exec(text)?.[1];
  if (read === undefined || written === undefined) return undefined;
  return { read: Number(read), written: Number(written) };
}

export interface WatchOptions {
  /** Milliseconds without a byte in either direction after which a transfer has stalled. */
  readonly stallMs: number;
  readonly onStall: () => void;
  /** Called with the bytes that went out since the last call. */
  readonly onBytes: (bytes: number) => void;
}

const POLL_MS = 1000;

/** Watches the traffic of a process until it is disposed of. */
export function watchTraffic(pid: number, { stallMs, onStall, onBytes }: WatchOptions): Disposable {
  let last: Moved = { read: 0, written: 0 };
  let movedAt = Date.now();
  const look = async (): Promise<void> => {
    const now = (await movedBy(pid)) ?? last;
    if (now.written > last.written) onBytes(now.written - last.written);
    if (now.written + now.read > last.written + last.read) movedAt = Date.now();
    else if (Date.now() - movedAt > stallMs) onStall();
    last = now;
  };
  const timer = setInterval(() => void look(), Math.min(POLL_MS, stallMs));
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

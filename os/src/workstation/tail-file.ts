import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 100;
const CHUNK = 1 << 16;

/** Reads bytes of a file from `offset` on; none at its end, or when there is no file yet. */
async function readFrom(file: string, offset: number): Promise<Buffer> {
  const handle = await open(file).catch(() => undefined);
  if (handle === undefined) return Buffer.alloc(0);
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(CHUNK), 0, CHUNK, offset);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/**
 * Yields the lines of a growing file from its beginning until `signal` aborts, each once it is complete. The file may
 * appear later. It is polled: QEMU writes all the time, and a notice of each write would cost more.
 */
export async function* tailFile(file: string, signal?: AbortSignal): AsyncGenerator<string> {
  let offset = 0;
  let rest = '';
  const decoder = new TextDecoder();
  for (;;) {
    if (signal?.aborted === true) return;
    const bytes = await readFrom(file, offset);
    if (bytes.length === 0) {
      await sleep(POLL_MS);
      continue;
    }
    offset += bytes.length;
    const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.replace(/\r+$/, '');
  }
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdDecompress } from 'node:zlib';

import { chunksOf } from '../chunks.ts';
import { imageError } from './image-error.ts';

/** A stream after decompression, if it was compressed. */
export interface Decompressed {
  readonly chunks: AsyncIterable<Buffer>;
  /** Whether the stream was not compressed. */
  readonly plain: boolean;
  /** Ends the decompression before its end. */
  readonly stop: () => void;
}

const MAGIC = { zstd: '28b52ffd', xz: 'fd377a585a00' } as const;
const MAGIC_BYTES = 6;
/** The largest window that zstd has (`zstd --ultra --long=31`); its default limit refuses more than 128 MiB. */
const LARGEST_WINDOW = 31;

/** Reads the first bytes of a stream and returns them with what follows. */
async function peeked(input: Readable): Promise<{ magic: string; chunks: AsyncGenerator<Buffer> }> {
  const iterator = chunksOf(input);
  let first = Buffer.alloc(0);
  while (first.length < MAGIC_BYTES) {
    const { value, done } = await iterator.next();
    if (done === true) break;
    first = Buffer.concat([first, value]);
  }
  async function* all(): AsyncGenerator<Buffer> {
    yield first;
    for (;;) {
      const { value, done } = await iterator.next();
      if (done === true) return;
      yield value;
    }
  }
  return { magic: first.subarray(0, MAGIC_BYTES).toString('hex'), chunks: all() };
}

async function* explained(name: string, kind: string, chunks: AsyncIterable<Buffer>) {
  try {
    yield* chunks;
  } catch {
    throw imageError(name, `its ${kind} data are damaged or cut short`);
  }
}

function fromZstd(name: string, chunks: AsyncIterable<Buffer>): Decompressed {
  const unpack = createZstdDecompress({
    params: { [constants.ZSTD_d_windowLogMax]: LARGEST_WINDOW },
  });
  pipeline(chunks, unpack).catch(() => {}); // the reader of `unpack` sees the failure
  return {
    chunks: explained(name, 'zstd', chunksOf(unpack)),
    plain: false,
    stop: () => unpack.destroy(),
  };
}

/** The program xz decompresses, because Node has no such library. It runs without root. */
function fromXz(name: string, chunks: AsyncIterable<Buffer>): Decompressed {
  const xz = spawn('xz', ['--decompress', '--stdout', '--quiet', '--threads=0'], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  const ended = once(xz, 'close');
  ended.catch(() => {}); // awaited below
  pipeline(chunks, xz.stdin).catch(() => {}); // xz ends early when it finds a fault, and says so
  async function* output(): AsyncGenerator<Buffer> {
    yield* chunksOf(xz.stdout);
    await ended;
    if (xz.exitCode !== 0) throw new Error(`xz ended with ${xz.exitCode}`);
  }
  return {
    chunks: explained(name, 'xz', output()),
    plain: false,
    stop: () => {
      xz.kill();
      xz.stdout.destroy();
    },
  };
}

/** Decompresses a stream of zstd or xz; any other one stays as it is. */
export async function decompressed(name: string, input: Readable): Promise<Decompressed> {
  const { magic, chunks } = await peeked(input);
  if (magic.startsWith(MAGIC.zstd)) return fromZstd(name, chunks);
  if (magic.startsWith(MAGIC.xz)) return fromXz(name, chunks);
  return { chunks, plain: true, stop: () => {} };
}

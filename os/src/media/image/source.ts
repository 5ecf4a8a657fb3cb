import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';

import { errorCode } from '@kios/errors';

import { BLOCK } from '../units.ts';
import { decompressed } from './decompress.ts';
import { imageError } from './image-error.ts';

/** An image that is read once, from its beginning to its end. */
export interface ImageSource extends AsyncDisposable {
  /** As people named it. */
  readonly name: string;
  /** Size of a plain file. Undefined while only the end tells it: in a pipe, or compressed. */
  readonly bytes: number | undefined;
  /** Yields blocks of BLOCK bytes, and a shorter last one. Each is the reader's own. */
  readonly blocks: AsyncGenerator<Buffer, void>;
}

/** The name of standard input on the command line. */
export const STDIN = '-';
const ON_STDIN = 'on standard input';

async function sizeOf(name: string): Promise<number> {
  const found = await stat(name).catch((error: unknown) => {
    const missing = errorCode(error) === 'ENOENT';
    throw imageError(
      name,
      missing ? 'there is no such file' : `it is not readable`,
      missing ? undefined : 'Check who may read it.',
    );
  });
  if (!found.isFile())
    throw imageError(name, 'it is no file', 'Name a file, or - for standard input.');
  return found.size;
}

/** Cuts a stream into blocks. */
async function* inBlocks(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  let block = Buffer.allocUnsafe(BLOCK);
  let filled = 0;
  for await (const chunk of chunks)
    for (let at = 0; at < chunk.length;) {
      const copied = chunk.copy(block, filled, at);
      [at, filled] = [at + copied, filled + copied];
      if (filled < BLOCK) continue;
      yield block;
      [block, filled] = [Buffer.allocUnsafe(BLOCK), 0];
    }
  if (filled > 0) yield block.subarray(0, filled);
}

/** Opens an image by its path, or standard input. What it is compressed with is told by its bytes, not by its name. */
export async function openSource(name: string): Promise<ImageSource> {
  const fromStdin = name === STDIN;
  if (fromStdin && process.stdin.isTTY)
    throw imageError(
      ON_STDIN,
      'it is a terminal',
      'Give the image through a pipe: curl URL | ./kios flash - DEVICE.',
    );
  const size = fromStdin ? undefined : await sizeOf(name);
  const input: Readable = fromStdin
    ? process.stdin
    : createReadStream(name, { highWaterMark: BLOCK });
  const called = fromStdin ? ON_STDIN : path.relative(process.cwd(), name) || name;
  const { chunks, plain, stop } = await decompressed(called, input);
  const blocks = inBlocks(chunks);
  return {
    name: called,
    bytes: plain ? size : undefined,
    blocks,
    [Symbol.asyncDispose]: async () => {
      stop();
      input.destroy();
      await blocks.return().catch(() => {});
    },
  };
}

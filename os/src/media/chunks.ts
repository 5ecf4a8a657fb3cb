import type { Readable } from 'node:stream';

/** Yields the pieces of a stream of bytes, in whatever sizes they come. */
export async function* chunksOf(stream: Readable): AsyncGenerator<Buffer, void> {
  for await (const chunk of stream) if (Buffer.isBuffer(chunk)) yield chunk;
}

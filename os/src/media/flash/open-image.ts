import { readHead } from '../image/head.ts';
import { imageError } from '../image/image-error.ts';
import { type ImageSource, openSource } from '../image/source.ts';
import { HEAD } from '../units.ts';
import type { OpenImage } from './write.ts';

/** Opens an image and reads what its partition table says. What is wrong by now is told before a disk is touched. */
export async function openImage(
  name: string,
): Promise<{ image: OpenImage; source: ImageSource; bytes: number }> {
  const source = await openSource(name);
  try {
    const { value: first } = await source.blocks.next();
    const block = first ?? Buffer.alloc(0);
    const head = readHead(source.name, block.subarray(0, HEAD));
    if (source.bytes !== undefined && head.bytes !== undefined && source.bytes !== head.bytes)
      throw imageError(
        source.name,
        `it has ${source.bytes} bytes, and its table speaks of ${head.bytes}`,
      );
    return {
      image: { name: source.name, head, first: block, rest: source.blocks },
      source,
      bytes: head.bytes ?? source.bytes ?? head.needed,
    };
  } catch (error) {
    await source[Symbol.asyncDispose]();
    throw error;
  }
}

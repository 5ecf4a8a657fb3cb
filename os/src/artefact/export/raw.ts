import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';

import { Meter } from '../../workstation/terminal/rate.ts';
import { chunksOf } from '../file-digest.ts';
import type { Job } from './source.ts';

/** Beyond this level only time grows: most of the image is compressed already. */
const LEVEL = 9;

/** Writes the image compressed with Zstandard, checksum included. Returns the name of the file. */
export async function exportRaw({ source, out, name, note, signal }: Job): Promise<string> {
  const { file, bytes } = source;
  const result = `${name}.img.zst`;
  const meter = new Meter(note, bytes);
  const compress = createZstdCompress({
    pledgedSrcSize: bytes,
    params: {
      [constants.ZSTD_c_compressionLevel]: LEVEL,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  });
  await pipeline(
    async function* () {
      for await (const chunk of chunksOf(file, bytes)) {
        yield chunk;
        meter.add(chunk.length);
      }
    },
    compress,
    createWriteStream(path.join(out, result)),
    { signal },
  );
  return result;
}

import { readFile } from 'node:fs/promises';

import { EXIT, KiosError } from '@kios/errors';

/** How a module file is packed, as `/sys/module/compression` names it. */
export type Packing = 'gzip' | 'xz' | 'zstd';

/** A bound for a damaged file; the largest module of a distribution has 20 MB. */
const MAX_BYTES = 256 * 1024 * 1024;

const PACKINGS: Readonly<Record<string, Packing>> = { gz: 'gzip', xz: 'xz', zst: 'zstd' };

/** Returns how a file is packed by its name; undefined for a plain one. */
export const packingOf = (file: string): Packing | undefined =>
  PACKINGS[file.slice(file.lastIndexOf('.') + 1)];

type Unpack = (packed: Uint8Array) => Promise<Uint8Array>;

/** The decoders of the runtime, which are loaded for the first such file. Both run on the pool. */
async function decoders(): Promise<Readonly<Partial<Record<Packing, Unpack>>>> {
  const [{ gunzip, zstdDecompress }, { promisify }] = await Promise.all([
    import('node:zlib'),
    import('node:util'),
  ]);
  const options = { maxOutputLength: MAX_BYTES };
  const [gzip, zstd] = [promisify(gunzip), promisify(zstdDecompress)];
  return {
    gzip: async (packed) => gzip(packed, options),
    zstd: async (packed) => zstd(packed, options),
  };
}

/** Reads a packed module for a kernel that does not read its packing. */
export async function unpack(file: string, packing: Packing): Promise<Uint8Array> {
  const decode = (await decoders())[packing];
  if (decode === undefined) {
    throw new KiosError(
      'KIOS_MODULE_PACKING',
      `unpack ${file}: there is no decoder of ${packing}`,
      {
        exitCode: EXIT.data,
        remedy: 'Ship modules plain or packed with zstd, or set CONFIG_MODULE_DECOMPRESS.',
      },
    );
  }
  const packed = await readFile(file);
  try {
    return await decode(packed);
  } catch (cause) {
    throw new KiosError('KIOS_MODULE_PACKING', `unpack ${file}`, { cause, exitCode: EXIT.data });
  }
}

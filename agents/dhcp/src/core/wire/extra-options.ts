import { DecodeError, fromHex, toHex } from '@kios/bytes';

import type { Codec } from './codec.ts';
import { address, bytes, decodeWith, duration, listOf, text, u16, u8 } from './codec.ts';

/** Codecs of the types that `--option` accepts. */
const CODECS: Readonly<Record<string, Codec<unknown>>> = {
  text,
  u8,
  u16,
  u32: duration,
  ip: address,
  ips: listOf(address),
  hex: { decode: (reader) => toHex(bytes.decode(reader)), encode: () => undefined },
};

/** Returns the values of the options that `--option` asks for, without those that are absent or malformed. */
export function readExtraOptions(
  types: Readonly<Record<string, string>>,
  raw: Readonly<Record<string, string>>,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [code, type] of Object.entries(types)) {
    const [codec, hex] = [CODECS[type], raw[code]];
    if (codec === undefined || hex === undefined) continue;
    try {
      values[code] = decodeWith(codec, fromHex(hex));
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  return values;
}

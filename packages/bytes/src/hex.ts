import { DecodeError } from './byte-reader.ts';

/** Formats bytes as lower-case hex, with `separator` between them. */
export function toHex(bytes: Uint8Array, separator = ''): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(separator);
}

/** Parses hex; white space and colons between bytes are allowed. */
export function fromHex(text: string): Uint8Array<ArrayBuffer> {
  const digits = text.replaceAll(/[\s:]/g, '');
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits))
    throw new DecodeError('parse hex: it is not pairs of digits');
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

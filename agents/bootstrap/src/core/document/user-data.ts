import { BootstrapError } from '../faults/errors.ts';
import { MAX_TEXT } from './yaml.ts';

/** Bytes of user data as it comes: more than any cloud allows. */
export const MAX_RAW = 256 * 1024;

export type Encoding = 'plain' | 'gzip' | 'base64' | 'base64+gzip';

export interface Unpacked {
  readonly format: Encoding;
  /** Text, or MIME, whose parts may be anything. */
  readonly bytes: Uint8Array;
}

/** Unpacks gzip; throws when the bytes are broken or expand beyond the caller's limit. */
export type Gunzip = (bytes: Uint8Array) => Uint8Array;

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** Decodes base64 with any white space in it; undefined when it is none. */
export function fromBase64(text: string): Uint8Array | undefined {
  const packed = text.replaceAll(/\s+/g, '');
  if (packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(packed)) return undefined;
  return Uint8Array.from(atob(packed), (char) => char.codePointAt(0) ?? 0);
}

/** Decodes bytes that are nothing but base64; a few letters are a word. */
function decoded(bytes: Uint8Array): Uint8Array | undefined {
  const text = new TextDecoder('latin1').decode(bytes);
  return text.trim().length < 8 ? undefined : fromBase64(text);
}

function formatOf(encoded: boolean, zipped: boolean): Encoding {
  if (encoded) return zipped ? 'base64+gzip' : 'base64';
  return zipped ? 'gzip' : 'plain';
}

const bad = (source: string, why: string): BootstrapError =>
  new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${source}: ${why}`);

/** Unpacks base64, gzip and base64 of gzip, the encodings that metadata services and their users produce. */
export function unpack(source: string, bytes: Uint8Array, gunzip: Gunzip): Unpacked {
  const inner = isGzip(bytes) ? undefined : decoded(bytes);
  const packed = inner ?? bytes;
  const zipped = isGzip(packed);
  let plain = packed;
  try {
    if (zipped) plain = gunzip(packed);
  } catch {
    throw bad(source, `its gzip data is broken, or more than ${MAX_TEXT} bytes unpacked`);
  }
  if (isGzip(plain)) throw bad(source, 'it is gzip of gzip; pack it once');
  if ((inner !== undefined || zipped) && decoded(plain) !== undefined)
    throw bad(source, 'it is base64 inside of its encoding; encode it once');
  return { format: formatOf(inner !== undefined, zipped), bytes: plain };
}

/** Unpacks user data. */
export function decodeUserData(source: string, bytes: Uint8Array, gunzip: Gunzip): Unpacked {
  if (bytes.length > MAX_RAW) throw bad(source, `it is longer than ${MAX_RAW} bytes`);
  return unpack(source, bytes, gunzip);
}

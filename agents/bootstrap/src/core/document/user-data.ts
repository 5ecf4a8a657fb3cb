import { BootstrapError } from '../faults/errors.ts';
import { decodeText, MAX_TEXT } from './yaml.ts';

/** Bytes of user data as it comes: more than any cloud allows. */
export const MAX_RAW = 256 * 1024;

export interface UserData {
  readonly format: 'plain' | 'gzip' | 'base64' | 'base64+gzip';
  readonly text: string;
  /** Whether it is for another program (cloud-init, a shell, Ignition): never executed, treated as absent. */
  readonly foreign: boolean;
}

/** Unpacks gzip; throws when the bytes are broken or expand beyond the caller's limit. */
export type Gunzip = (bytes: Uint8Array) => Uint8Array;

const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

function fromBase64(bytes: Uint8Array): Uint8Array | undefined {
  const text = new TextDecoder('latin1').decode(bytes).replaceAll(/\s+/g, '');
  if (text.length < 8 || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(text))
    return undefined;
  return Uint8Array.from(atob(text), (char) => char.codePointAt(0) ?? 0);
}

function isForeign(text: string): boolean {
  if (text.startsWith('#cloud-config') || text.startsWith('#!')) return true;
  return text.startsWith('{') && /"ignition"\s*:/.test(text);
}

function formatOf(encoded: boolean, zipped: boolean): UserData['format'] {
  if (encoded) return zipped ? 'base64+gzip' : 'base64';
  return zipped ? 'gzip' : 'plain';
}

/** Decodes user data in the encodings that metadata services and their users produce. */
export function decodeUserData(source: string, bytes: Uint8Array, gunzip: Gunzip): UserData {
  const bad = (why: string): BootstrapError =>
    new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${source}: ${why}`);
  if (bytes.length > MAX_RAW) throw bad(`it is longer than ${MAX_RAW} bytes`);
  const decoded = isGzip(bytes) ? undefined : fromBase64(bytes);
  const inner = decoded ?? bytes;
  const zipped = isGzip(inner);
  let plain = inner;
  try {
    if (zipped) plain = gunzip(inner);
  } catch {
    throw bad(`its gzip data is broken, or more than ${MAX_TEXT} bytes unpacked`);
  }
  const text = decodeText(source, plain);
  return {
    format: formatOf(decoded !== undefined, zipped),
    text,
    foreign: isForeign(text.trimStart()),
  };
}

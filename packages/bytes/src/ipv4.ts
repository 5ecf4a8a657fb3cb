import { DecodeError } from './byte-reader.ts';

const DECIMAL = /^(?:0|[1-9]\d{0,2})$/;

/** Formats four bytes as `192.0.2.1`. */
export function formatIpv4(bytes: Uint8Array): string {
  if (bytes.length !== 4)
    throw new DecodeError(`format IPv4 address: it has ${bytes.length} bytes`);
  return bytes.join('.');
}

/** Parses `192.0.2.1`: four plain decimal numbers and nothing else. */
export function parseIpv4(text: string): Uint8Array<ArrayBuffer> {
  const parts = text.split('.');
  const valid =
    parts.length === 4 && parts.every((part) => DECIMAL.test(part) && Number(part) < 256);
  if (!valid) throw new DecodeError(`parse IPv4 address ${JSON.stringify(text)}`);
  return Uint8Array.from(parts, Number);
}

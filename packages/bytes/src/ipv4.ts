import { DecodeError } from './byte-reader.ts';

const DECIMAL = /^(?:0|[1-9]\d{0,2})$/;

/** `192.0.2.1` from its four bytes. */
export function formatIpv4(bytes: Uint8Array): string {
  if (bytes.length !== 4) throw new DecodeError(`decode IPv4 address: ${bytes.length} bytes`);
  return bytes.join('.');
}

/** Four bytes from `192.0.2.1`; nothing but four plain decimal numbers will do. */
export function parseIpv4(text: string): Uint8Array<ArrayBuffer> {
  const parts = text.split('.');
  const valid =
    parts.length === 4 && parts.every((part) => DECIMAL.test(part) && Number(part) < 256);
  if (!valid) throw new DecodeError(`parse IPv4 address ${JSON.stringify(text)}`);
  return Uint8Array.from(parts, Number);
}

import { DecodeError, formatIpv4, formatIpv6, parseIpv4, parseIpv6 } from '@kios/bytes';

import { type Attributes, writeAttribute } from './message.ts';

export type Family = 'ipv4' | 'ipv6';

export const AF = { ipv4: 2, ipv6: 10 } as const;
/** Bytes of an address. */
const SIZE = { ipv4: 4, ipv6: 16 } as const;

/** Returns the family of an address, with or without a prefix length. */
export const familyOf = (text: string): Family => (text.includes(':') ? 'ipv6' : 'ipv4');

/** Returns the family of a message's first byte; undefined for those without IP addresses. */
export function decodeFamily(number: number): Family | undefined {
  if (number === AF.ipv4) return 'ipv4';
  return number === AF.ipv6 ? 'ipv6' : undefined;
}

export const parseIp = (text: string): Uint8Array<ArrayBuffer> =>
  familyOf(text) === 'ipv6' ? parseIpv6(text) : parseIpv4(text);

/** Returns the value of an address attribute, if present. */
export function ipOf(attributes: Attributes, type: number, family: Family): string | undefined {
  const value = attributes.get(type);
  if (value === undefined) return undefined;
  return family === 'ipv6' ? formatIpv6(value) : formatIpv4(value);
}

/** Returns the prefix of an attribute without the attribute's zeros: a prefix of length 0 has none. */
export function prefixOf(
  attributes: Attributes,
  type: number,
  family: Family,
  length: number,
): string {
  if (length > 8 * SIZE[family]) throw new DecodeError(`decode prefix: its length is ${length}`);
  const any = family === 'ipv6' ? '::' : '0.0.0.0';
  return `${ipOf(attributes, type, family) ?? any}/${length}`;
}

/** Splits `address/length`. Without a length it is a host's, and nothing is every address. */
export function splitPrefix(text: string | undefined): { address: string; length: number } {
  if (text === undefined) return { address: '', length: 0 };
  const [address = '', length] = text.split('/');
  return { address, length: length === undefined ? 8 * SIZE[familyOf(text)] : Number(length) };
}

/** Writes the attribute of a prefix. One of length 0 needs none. */
export function writePrefix(
  writer: Parameters<typeof writeAttribute>[0],
  type: number,
  { address, length }: ReturnType<typeof splitPrefix>,
): void {
  if (length > 0) writeAttribute(writer, type, parseIp(address));
}

import { DecodeError } from './byte-reader.ts';
import { parseIpv4 } from './ipv4.ts';

const GROUPS = 8;
const GROUP = /^[0-9a-f]{1,4}$/i;

const textOf = (part: readonly number[]): string =>
  part.map((group) => group.toString(16)).join(':');

/** Formats sixteen bytes in the one canonical form, as `2001:db8::1`. RFC 5952 §4. */
export function formatIpv6(bytes: Uint8Array): string {
  if (bytes.length !== 2 * GROUPS)
    throw new DecodeError(`format IPv6 address: it has ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const groups = Array.from({ length: GROUPS }, (_, at) => view.getUint16(2 * at));
  const { start, length } = longestZeros(groups);
  if (length < 2) return textOf(groups);
  return `${textOf(groups.slice(0, start))}::${textOf(groups.slice(start + length))}`;
}

/** Returns the first of the longest runs of zero groups. */
function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start += 1) {
    let length = 0;
    while (groups[start + length] === 0) length += 1;
    if (length > best.length) best = { start, length };
  }
  return best;
}

/** Parses an address in any of its text forms, without zone or prefix length. RFC 4291 §2.2. */
export function parseIpv6(text: string): Uint8Array<ArrayBuffer> {
  const fail = (): never => {
    throw new DecodeError(`parse IPv6 address ${JSON.stringify(text)}`);
  };
  const halves = text.split('::');
  if (halves.length > 2) return fail();
  const [head = [], tail] = halves.map((half, at) => bytesOf(half, at === halves.length - 1, fail));
  const missing = 2 * GROUPS - head.length - (tail?.length ?? 0);
  // `::` stands for at least one group.
  if (tail === undefined ? missing !== 0 : missing < 2) return fail();
  const address = new Uint8Array(2 * GROUPS);
  address.set(head);
  address.set(tail ?? [], head.length + missing);
  return address;
}

/** Reads the groups of one half. The address's last four bytes may be written as an IPv4 address. */
function bytesOf(half: string, last: boolean, fail: () => never): number[] {
  if (half === '') return [];
  const parts = half.split(':');
  return parts.flatMap((part, at) => {
    if (last && part.includes('.') && at === parts.length - 1) return [...parseIpv4(part)];
    if (!GROUP.test(part)) return fail();
    const group = Number.parseInt(part, 16);
    return [group >> 8, group & 0xff];
  });
}

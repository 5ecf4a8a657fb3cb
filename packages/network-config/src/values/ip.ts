export type Family = 4 | 6;

/** An IP address as a number, so that prefixes can be compared. */
export interface Ip {
  readonly family: Family;
  readonly value: bigint;
}

/** An address and the length of its prefix. */
export interface Cidr extends Ip {
  readonly prefix: number;
}

export const widthOf = (family: Family): number => (family === 4 ? 32 : 128);

function parseV4(text: string): bigint | undefined {
  const parts = text.split('.');
  // "010" would be octal for inet_aton and is refused by inet_pton.
  const isValid = parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part));
  if (!isValid || parts.some((part) => Number(part) > 255)) return undefined;
  return parts.reduce((value, part) => (value << 8n) | BigInt(part), 0n);
}

/** The groups of one side of `::`; an IPv4 address at its end makes two of them. */
function groupsOf(text: string): bigint[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: bigint[] = [];
  for (const [index, part] of parts.entries()) {
    const v4 = index === parts.length - 1 && part.includes('.') ? parseV4(part) : undefined;
    if (v4 !== undefined) groups.push(v4 >> 16n, v4 & 0xffffn);
    else if (/^[0-9a-f]{1,4}$/i.test(part)) groups.push(BigInt(`0x${part}`));
    else return undefined;
  }
  return groups;
}

function parseV6(text: string): bigint | undefined {
  const sides = text.split('::');
  if (sides.length > 2) return undefined;
  const head = groupsOf(sides[0] ?? '');
  const tail = groupsOf(sides[1] ?? '');
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (sides.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array<bigint>(missing).fill(0n), ...tail];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

/** Reads an address in the forms of inet_pton(3). */
export function parseIp(text: string): Ip | undefined {
  const family: Family = text.includes(':') ? 6 : 4;
  const value = family === 6 ? parseV6(text) : parseV4(text);
  return value === undefined ? undefined : { family, value };
}

/** Reads `address/length`. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', length = '', ...rest] = text.split('/');
  const ip = parseIp(address);
  if (ip === undefined || rest.length > 0 || !/^\d{1,3}$/.test(length)) return undefined;
  const prefix = Number(length);
  return prefix > widthOf(ip.family) ? undefined : { ...ip, prefix };
}

/** Start and length of the longest run of zeros, as RFC 5952 shortens it. */
function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let best = { start: -1, length: 1 };
  for (let start = 0; start < groups.length; start += 1) {
    let end = start;
    while (groups[end] === '0') end += 1;
    if (end - start > best.length) best = { start, length: end - start };
  }
  return best;
}

function formatV6(value: bigint): string {
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(16 * (7 - index))) & 0xffffn).toString(16),
  );
  const { start, length } = longestZeros(groups);
  if (start < 0) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

/** Writes an address in its only form; IPv6 as RFC 5952 says. */
export function formatIp({ family, value }: Ip): string {
  if (family === 6) return formatV6(value);
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
}

const hostBits = ({ family, prefix }: Cidr): bigint =>
  (1n << BigInt(widthOf(family) - prefix)) - 1n;

export const networkOf = (cidr: Cidr): Cidr => ({ ...cidr, value: cidr.value & ~hostBits(cidr) });

export const broadcastOf = (cidr: Cidr): bigint => cidr.value | hostBits(cidr);

export const formatCidr = (cidr: Cidr): string => `${formatIp(cidr)}/${cidr.prefix}`;

export function contains(network: Cidr, ip: Ip): boolean {
  if (network.family !== ip.family) return false;
  return networkOf({ ...ip, prefix: network.prefix }).value === networkOf(network).value;
}

/** Length of the prefix that a mask means, which may be a length itself; undefined for what is neither. */
export function prefixOf(mask: string): number | undefined {
  if (!/^\d+$/.test(mask)) return prefixOfMask(mask);
  return Number(mask) <= widthOf(6) ? Number(mask) : undefined;
}

/** Length of the prefix that a mask such as 255.255.255.0 or ffff:: means. */
export function prefixOfMask(text: string): number | undefined {
  const mask = parseIp(text);
  if (mask === undefined) return undefined;
  const bits = mask.value.toString(2).padStart(widthOf(mask.family), '0');
  return /^1*0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined;
}

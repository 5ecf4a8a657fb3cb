import { type ByteReader, DecodeError, formatIpv6 } from '@kios/bytes';

import { address6 } from '../v6/wire/codec.ts';
import { decodeWith, listOf } from '../wire/codec.ts';
import { domainList } from '../wire/domain-list.ts';

const OPTION = { prefix: 3, mtu: 5, route: 24, rdnss: 25, dnssl: 31 } as const;
/** More options than a router has reason to send. */
const MOST_OPTIONS = 64;
/** Lengths count in units of eight bytes. */
const UNIT = 8;

/** A prefix of the link. RFC 4861 §4.6.2. */
export interface PrefixInformation {
  readonly prefix: string;
  readonly length: number;
  readonly onLink: boolean;
  readonly autonomous: boolean;
  readonly validSeconds: number;
  readonly preferredSeconds: number;
}

/** A route through the router. RFC 4191 §2.3. */
export interface RouteInformation {
  readonly prefix: string;
  readonly length: number;
  readonly preference: 'low' | 'medium' | 'high';
  readonly lifetimeSeconds: number;
}

/** Name servers or search domains with their lifetime. RFC 8106 §5. */
export interface Timed {
  readonly values: readonly string[];
  readonly lifetimeSeconds: number;
}

/** The options of neighbour discovery that concern a host; all others are ignored. */
export interface RouterOptions {
  readonly mtu: number | undefined;
  readonly prefixes: readonly PrefixInformation[];
  readonly routes: readonly RouteInformation[];
  readonly dnsServers: readonly Timed[];
  readonly searchLists: readonly Timed[];
}

type Collected = { -readonly [Name in keyof RouterOptions]: RouterOptions[Name] };

/** Reads options. One of length 0 spoils the whole message, a malformed one only itself. RFC 4861 §6.1.2. */
export function readRouterOptions(reader: ByteReader, read: Open): RouterOptions {
  const found: Collected = {
    mtu: undefined,
    prefixes: [],
    routes: [],
    dnsServers: [],
    searchLists: [],
  };
  for (let count = 0; reader.remaining > 0; count += 1) {
    if (count === MOST_OPTIONS) throw new DecodeError('decode router options: too many');
    const type = reader.u8();
    const length = reader.u8() * UNIT;
    if (length === 0) throw new DecodeError('decode router options: one has no length');
    const value = read(reader.bytes(length - 2));
    try {
      collect(type, value, found);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
    }
  }
  return found;
}

type Open = (bytes: Uint8Array) => ByteReader;

function collect(type: number, value: ByteReader, found: Collected): void {
  switch (type) {
    case OPTION.prefix:
      found.prefixes = [...found.prefixes, readPrefix(value)];
      return;
    case OPTION.mtu:
      value.skip(2);
      found.mtu = value.u32();
      return;
    case OPTION.route:
      found.routes = [...found.routes, readRoute(value)];
      return;
    case OPTION.rdnss:
      found.dnsServers = [...found.dnsServers, readServers(value)];
      return;
    case OPTION.dnssl:
      found.searchLists = [...found.searchLists, readDomains(value)];
  }
}

function readPrefix(value: ByteReader): PrefixInformation {
  const [length, flags] = [checkedLength(value.u8()), value.u8()];
  const [validSeconds, preferredSeconds] = [value.u32(), value.u32()];
  value.skip(4);
  const prefix = masked(value.bytes(16), length);
  const [onLink, autonomous] = [(flags & 0x80) !== 0, (flags & 0x40) !== 0];
  return { prefix, length, onLink, autonomous, validSeconds, preferredSeconds };
}

function readRoute(value: ByteReader): RouteInformation {
  const [length, flags] = [checkedLength(value.u8()), value.u8()];
  const lifetimeSeconds = value.u32();
  const bytes = value.rest();
  if (bytes.length * 8 < length || bytes.length > 16) {
    throw new DecodeError(`decode route: prefix of ${bytes.length} bytes`);
  }
  const address = new Uint8Array(16);
  address.set(bytes);
  const preference = (['medium', 'high', undefined, 'low'] as const)[(flags >> 3) & 3];
  // RFC 4191 §2.3: the reserved preference makes a route to be ignored.
  if (preference === undefined) throw new DecodeError('decode route: reserved preference');
  return { prefix: masked(address, length), length, preference, lifetimeSeconds };
}

function readServers(value: ByteReader): Timed {
  value.skip(2);
  const lifetimeSeconds = value.u32();
  return { values: listOf(address6).decode(value), lifetimeSeconds };
}

/** Names end with zeros that fill the unit. */
function readDomains(value: ByteReader): Timed {
  value.skip(2);
  const lifetimeSeconds = value.u32();
  const bytes = value.rest();
  const end = bytes.findLastIndex((byte) => byte !== 0);
  if (end < 0) throw new DecodeError('decode search list: no name');
  return { values: decodeWith(domainList, bytes.slice(0, end + 2)), lifetimeSeconds };
}

function checkedLength(length: number): number {
  if (length > 128) throw new DecodeError(`decode prefix: length ${length}`);
  return length;
}

const masked = (address: Uint8Array, length: number): string =>
  formatIpv6(
    address.map((byte, at) => byte & (0xff00 >> Math.max(0, Math.min(8, length - at * 8)))),
  );

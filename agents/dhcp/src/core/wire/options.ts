import { DecodeError, type ByteReader } from '@kios/bytes';

import { classlessRoutes } from './classless-routes.ts';
import {
  address,
  bytes,
  type Codec,
  decodeWith,
  duration,
  encodeWith,
  flag,
  listOf,
  text,
  u16,
  u8,
  words,
} from './codec.ts';
import { domainList } from './domain-list.ts';

export interface Option<T> {
  readonly code: number;
  readonly codec: Codec<T>;
}

/** Every option with its name, code, wire form and TypeScript type: the only place where they are declared. */
export const OPTIONS = {
  subnetMask: { code: 1, codec: address },
  routers: { code: 3, codec: listOf(address) },
  nameServers: { code: 6, codec: listOf(address) },
  hostName: { code: 12, codec: text },
  domainName: { code: 15, codec: words },
  mtu: { code: 26, codec: u16 },
  broadcast: { code: 28, codec: address },
  ntpServers: { code: 42, codec: listOf(address) },
  requestedAddress: { code: 50, codec: address },
  leaseTime: { code: 51, codec: duration },
  overload: { code: 52, codec: u8 },
  messageType: { code: 53, codec: u8 },
  serverId: { code: 54, codec: address },
  parameterList: { code: 55, codec: listOf(u8) },
  message: { code: 56, codec: text },
  maxMessageSize: { code: 57, codec: u16 },
  renewalTime: { code: 58, codec: duration },
  rebindingTime: { code: 59, codec: duration },
  clientId: { code: 61, codec: bytes },
  rapidCommit: { code: 80, codec: flag },
  /** Seconds to do without IPv4. RFC 8925. */
  ipv6Only: { code: 108, codec: duration },
  searchList: { code: 119, codec: domainList },
  classlessRoutes: { code: 121, codec: classlessRoutes },
  microsoftRoutes: { code: 249, codec: classlessRoutes },
} as const;

/** Values of option 53. RFC 2132 §9.6. */
export const TYPE = {
  discover: 1,
  offer: 2,
  request: 3,
  decline: 4,
  ack: 5,
  nak: 6,
  release: 7,
} as const;

/** The options of a message. They are kept as bytes and read as values. */
export class OptionSet {
  readonly raw: ReadonlyMap<number, Uint8Array>;

  constructor(entries: Iterable<readonly [code: number, value: Uint8Array]>) {
    this.raw = new Map(entries);
  }

  /** The value. Undefined when it is absent or malformed: RFC 2131 lets a client treat both alike. */
  get<T>(option: Option<T>): T | undefined {
    const value = this.raw.get(option.code);
    if (value === undefined) return undefined;
    try {
      return decodeWith(option.codec, value);
    } catch (error) {
      if (error instanceof DecodeError) return undefined;
      throw error;
    }
  }
}

/** One option for `new OptionSet([…])`. The set keeps the order. */
export function entry<T>(option: Option<T>, value: T): readonly [code: number, value: Uint8Array] {
  return [option.code, encodeWith(option.codec, value)];
}

const PAD = 0;
const END = 255;

/** The copies of each option of a message, by code and in order. */
export type Copies = Map<number, Uint8Array[]>;

/** Adds the options of one field to `into`. Fails at one that runs past its end, once those before are added. */
export function collectOptions(reader: ByteReader, into: Copies): void {
  while (reader.remaining > 0) {
    const code = reader.u8();
    if (code === PAD) continue;
    if (code === END) return;
    const copy = reader.bytes(reader.u8());
    const copies = into.get(code);
    if (copies === undefined) into.set(code, [copy]);
    else copies.push(copy);
  }
}

/** Returns the options that the copies make. */
export const mergeCopies = (copies: Copies): OptionSet =>
  new OptionSet([...copies].map(([code, parts]) => [code, mergeParts(code, parts)] as const));

const SIZES: ReadonlyMap<number, number | undefined> = new Map(
  Object.values(OPTIONS).map(({ code, codec }) => [code, codec.size]),
);

/**
 * Makes one value of an option's copies. They continue each other, RFC 3396 §7, but servers and relays also repeat an
 * option: of a type that has a size one copy counts, and of any other what only repeats what came before does not.
 */
function mergeParts(code: number, parts: readonly Uint8Array[]): Uint8Array {
  const size = SIZES.get(code);
  if (size === undefined) return joined(withoutRepetition(parts));
  return parts.find(({ length }) => length >= size) ?? parts[0] ?? new Uint8Array();
}

/** Returns the shortest beginning of the list that, said again and again, makes the whole list. */
function withoutRepetition(parts: readonly Uint8Array[]): readonly Uint8Array[] {
  const isPeriod = (period: number): boolean =>
    parts.length % period === 0 &&
    parts.every((part, at) => isEqual(part, parts[at % period] ?? part));
  const periods = Array.from(parts, (_, at) => at + 1);
  return parts.slice(0, periods.find(isPeriod));
}

const isEqual = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, at) => byte === b[at]);

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

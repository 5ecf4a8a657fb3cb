import { type ByteWriter, DecodeError, formatIpv6, parseIpv6 } from '@kios/bytes';

import { type Codec, decodeWith, encodeWith, type Sized } from '../../wire/codec.ts';
import { domainList } from '../../wire/domain-list.ts';

export const address6: Sized<string> = {
  size: 16,
  decode: (reader) => formatIpv6(reader.bytes(16)),
  encode: (writer, value) => writer.bytes(parseIpv6(value)),
};

/** The outcome of a request, and a text for people. RFC 8415 §21.13. */
export interface Status {
  readonly code: number;
  readonly message: string;
}

/** Status codes. RFC 8415 §21.13. */
export const STATUS = {
  success: 0,
  unspecFail: 1,
  noAddrsAvail: 2,
  noBinding: 3,
  notOnLink: 4,
  useMulticast: 5,
} as const;

/** Control characters become spaces: the code counts even if the text is unfit for a log. */
export const status: Codec<Status> = {
  decode: (reader) => ({
    code: reader.u16(),
    message: new TextDecoder().decode(reader.rest()).replaceAll(/\p{Cc}/gu, ' '),
  }),
  encode: (writer, { code, message }) => writer.u16(code).bytes(new TextEncoder().encode(message)),
};

/** Opaque items, each with its length. RFC 8415 §21.15. */
export const opaqueList: Codec<readonly Uint8Array[]> = {
  decode(reader) {
    const items: Uint8Array[] = [];
    do items.push(reader.bytes(reader.u16()));
    while (reader.remaining > 0);
    return items;
  },
  encode(writer, items) {
    for (const item of items) writer.u16(item.length).bytes(item);
  },
};

/** The kind of a client, as its maker names it. RFC 8415 §21.16. */
export interface VendorClass {
  readonly enterprise: number;
  readonly data: readonly Uint8Array[];
}

export const vendorClass: Codec<VendorClass> = {
  decode: (reader) => ({ enterprise: reader.u32(), data: opaqueList.decode(reader) }),
  encode(writer, { enterprise, data }) {
    writer.u32(enterprise);
    opaqueList.encode(writer, data);
  },
};

/** The flags and the name of option 39. A name without a dot is partial and has no end on the wire. RFC 4704 §4. */
export interface Fqdn {
  readonly flags: number;
  readonly name: string;
}

export const fqdn: Codec<Fqdn> = {
  decode(reader) {
    const flags = reader.u8();
    const bytes = reader.rest();
    if (bytes.length === 0) return { flags, name: '' };
    const ended = bytes.at(-1) === 0 ? bytes : Uint8Array.of(...bytes, 0);
    const [name = '', ...others] = decodeWith(domainList, ended);
    if (others.length > 0) throw new DecodeError('decode FQDN: several names');
    return { flags, name };
  },
  encode(writer, { flags, name }) {
    writer.u8(flags);
    if (name === '') return;
    const bytes = encodeWith(domainList, [name]);
    writer.bytes(name.includes('.') ? bytes : bytes.slice(0, -1));
  },
};

/** A time server: its address, a multicast group that it sends to, or its name. RFC 5908 §4. */
export interface TimeServer {
  readonly kind: 'address' | 'multicast' | 'name';
  readonly value: string;
}

const TIME_SERVER = { address: 1, multicast: 2, name: 3 } as const;
const KINDS = ['address', 'multicast', 'name'] as const;
/** Bytes of a code and a length. */
const HEADER = 4;

/** Reads one server from each sub-option. Unknown and malformed ones are left out, as are bytes that make none. */
export const timeServers: Codec<readonly TimeServer[]> = {
  decode(reader) {
    const servers: TimeServer[] = [];
    while (reader.remaining >= HEADER) {
      const [code, length] = [reader.u16(), reader.u16()];
      if (length > reader.remaining) break;
      const server = readTimeServer(code, reader.bytes(length));
      if (server !== undefined) servers.push(server);
    }
    reader.rest();
    return servers;
  },
  encode(writer, servers) {
    for (const { kind, value } of servers) {
      const bytes = kind === 'name' ? encodeWith(domainList, [value]) : encodeWith(address6, value);
      writer.u16(TIME_SERVER[kind]).u16(bytes.length).bytes(bytes);
    }
  },
};

function readTimeServer(code: number, bytes: Uint8Array): TimeServer | undefined {
  const kind = KINDS.find((each) => TIME_SERVER[each] === code);
  if (kind === undefined) return undefined;
  try {
    return { kind, value: kind === 'name' ? oneName(bytes) : decodeWith(address6, bytes) };
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

function oneName(bytes: Uint8Array): string {
  const [name, ...others] = decodeWith(domainList, bytes);
  if (name === undefined || others.length > 0) {
    throw new DecodeError(`decode time server: ${others.length} names too many`);
  }
  return name;
}

/** Appends one option: code, length, value. RFC 8415 §21.1. */
export function writeOption(writer: ByteWriter, code: number, value: Uint8Array): void {
  writer.u16(code).u16(value.length).bytes(value);
}

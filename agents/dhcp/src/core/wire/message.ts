import {
  ByteReader,
  ByteWriter,
  DecodeError,
  formatIpv4,
  fromHex,
  parseIpv4,
  toHex,
} from '@kios/bytes';

import { collectOptions, type Copies, mergeCopies, OPTIONS, type OptionSet } from './options.ts';

export const OP = { request: 1, reply: 2 } as const;
const ETHERNET = 1;
const COOKIE = 0x63825363;
const BROADCAST_FLAG = 0x8000;
const SNAME_SIZE = 64;
const FILE_SIZE = 128;
const CHADDR_SIZE = 16;
const END = 255;
const MAX_OPTION = 255;
/** Relays and old servers drop shorter messages. RFC 1542 §2.1. */
const MIN_MESSAGE = 300;
const IN_FILE = 1;
const IN_SNAME = 2;

/** A DHCP message; field names are those of RFC 2131 §2. */
export interface DhcpMessage {
  readonly op: number;
  readonly xid: number;
  readonly secs: number;
  readonly broadcast: boolean;
  readonly ciaddr: string;
  readonly yiaddr: string;
  readonly siaddr: string;
  readonly giaddr: string;
  /** Hardware address as `aa:bb:…`. */
  readonly chaddr: string;
  readonly options: OptionSet;
}

export function encodeMessage(message: DhcpMessage): Uint8Array {
  const hardware = fromHex(message.chaddr);
  const writer = new ByteWriter(576);
  writer.u8(message.op).u8(ETHERNET).u8(hardware.length).u8(0).u32(message.xid);
  writer.u16(Math.min(message.secs, 0xffff)).u16(message.broadcast ? BROADCAST_FLAG : 0);
  for (const field of [message.ciaddr, message.yiaddr, message.siaddr, message.giaddr]) {
    writer.bytes(parseIpv4(field));
  }
  writer.bytes(hardware).zeros(CHADDR_SIZE - hardware.length);
  writer.zeros(SNAME_SIZE + FILE_SIZE).u32(COOKIE);
  for (const [code, value] of message.options.raw) writeOption(writer, code, value);
  return writer.u8(END).padTo(MIN_MESSAGE).finish();
}

/** Splits a value that is too long for one option into several. RFC 3396 §5. */
function writeOption(writer: ByteWriter, code: number, value: Uint8Array): void {
  for (let start = 0; start === 0 || start < value.length; start += MAX_OPTION) {
    const part = value.subarray(start, start + MAX_OPTION);
    writer.u8(code).u8(part.length).bytes(part);
  }
}

export function decodeMessage(bytes: Uint8Array): DhcpMessage {
  const reader = new ByteReader(bytes);
  const op = reader.u8();
  const htype = reader.u8();
  const hlen = reader.u8();
  reader.skip(1);
  const xid = reader.u32();
  const secs = reader.u16();
  const flags = reader.u16();
  const [ciaddr, yiaddr, siaddr, giaddr] = [ipv4(reader), ipv4(reader), ipv4(reader), ipv4(reader)];
  if (htype !== ETHERNET || hlen !== 6) throw new DecodeError('decode message: not for Ethernet');
  const chaddr = toHex(reader.bytes(hlen), ':');
  reader.skip(CHADDR_SIZE - hlen);
  const sname = reader.bytes(SNAME_SIZE);
  const file = reader.bytes(FILE_SIZE);
  if (reader.u32() !== COOKIE) throw new DecodeError('decode message: no DHCP cookie');
  const options = decodeOptions(reader, sname, file);
  const broadcast = (flags & BROADCAST_FLAG) !== 0;
  return { op, xid, secs, broadcast, ciaddr, yiaddr, siaddr, giaddr, chaddr, options };
}

const ipv4 = (reader: ByteReader): string => formatIpv4(reader.bytes(4));

/** Reads the options, then those in `file` and then those in `sname`. RFC 3396 §5, RFC 2131 §4.1. */
function decodeOptions(reader: ByteReader, sname: Uint8Array, file: Uint8Array): OptionSet {
  const copies: Copies = new Map();
  collectOptions(reader, copies);
  const overload = mergeCopies(copies).get(OPTIONS.overload) ?? 0;
  if ((overload & IN_FILE) !== 0) collectReadable(file, copies);
  if ((overload & IN_SNAME) !== 0) collectReadable(sname, copies);
  return mergeCopies(copies);
}

/** Adds a field's options as far as they can be read. Some servers say that it has options, and put a name there. */
function collectReadable(field: Uint8Array, into: Copies): void {
  try {
    collectOptions(new ByteReader(field), into);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
}

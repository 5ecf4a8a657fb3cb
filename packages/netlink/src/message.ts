import { ByteReader, ByteWriter, DecodeError } from '@kios/bytes';

const HEADER = 16;
const align = (length: number): number => (length + 3) & ~3;

/** Message types common to all netlink families. */
export const NLMSG = { error: 2, done: 3 } as const;

export const NLM_F = {
  request: 0x1,
  ack: 0x4,
  interrupted: 0x10,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
} as const;

/** A netlink message: the fields of `struct nlmsghdr` and the payload. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
}

export function encodeMessage(message: Message): Uint8Array {
  return new ByteWriter(HEADER + message.payload.length)
    .u32le(HEADER + message.payload.length)
    .u16le(message.type)
    .u16le(message.flags)
    .u32le(message.sequence)
    .u32le(0)
    .bytes(message.payload)
    .finish();
}

/** Decodes the messages of one datagram. */
export function decodeMessages(datagram: Uint8Array): Message[] {
  const reader = new ByteReader(datagram);
  const messages: Message[] = [];
  while (reader.remaining > 0) {
    const length = reader.u32le();
    if (length < HEADER) throw new DecodeError(`decode netlink message: its length is ${length}`);
    const type = reader.u16le();
    const flags = reader.u16le();
    const sequence = reader.u32le();
    reader.skip(4);
    messages.push({ type, flags, sequence, payload: reader.bytes(length - HEADER) });
    reader.skip(Math.min(align(length) - length, reader.remaining));
  }
  return messages;
}

/** Attributes by type without its nested and byte-order bits. Of equal types the last one counts. */
export type Attributes = ReadonlyMap<number, Uint8Array>;

export function decodeAttributes(bytes: Uint8Array): Attributes {
  const reader = new ByteReader(bytes);
  const attributes = new Map<number, Uint8Array>();
  while (reader.remaining > 0) {
    const length = reader.u16le();
    if (length < 4) throw new DecodeError(`decode netlink attribute: its length is ${length}`);
    const type = reader.u16le() & 0x3fff;
    attributes.set(type, reader.bytes(length - 4));
    reader.skip(Math.min(align(length) - length, reader.remaining));
  }
  return attributes;
}

/** Writes one attribute with padding. */
export function writeAttribute(writer: ByteWriter, type: number, value: Uint8Array): void {
  writer
    .u16le(value.length + 4)
    .u16le(type)
    .bytes(value)
    .zeros(align(value.length) - value.length);
}

/** Returns the value of an attribute that holds attributes. */
export function nest(
  ...attributes: readonly (readonly [type: number, value: Uint8Array])[]
): Uint8Array {
  const writer = new ByteWriter(64);
  for (const [type, value] of attributes) writeAttribute(writer, type, value);
  return writer.finish();
}

/** Returns the value of a number attribute, if present. */
export function u32Of(attributes: Attributes, type: number): number | undefined {
  const value = attributes.get(type);
  return value && u32Value(value);
}

export const u32Bytes = (value: number): Uint8Array => new ByteWriter(4).u32le(value).finish();
const u32Value = (bytes: Uint8Array): number => new ByteReader(bytes).u32le();
/** Returns a C string, with its NUL. */
export const textBytes = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);
/** Returns a C string without its NUL. */
export const textValue = (bytes: Uint8Array): string =>
  new TextDecoder().decode(bytes).replace(/\0.*$/s, '');

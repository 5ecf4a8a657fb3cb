import { ByteReader, ByteWriter, DecodeError } from '@kios/bytes';

import { type OptionList, readOptions, writeOptions } from './option-list.ts';

/** Message types. RFC 8415 §7.3. */
export const TYPE6 = {
  solicit: 1,
  advertise: 2,
  request: 3,
  confirm: 4,
  renew: 5,
  rebind: 6,
  reply: 7,
  release: 8,
  decline: 9,
  reconfigure: 10,
  informationRequest: 11,
} as const;

const NEWEST = TYPE6.informationRequest;

/** A message between client and server. RFC 8415 §8. */
export interface Message6 {
  readonly type: number;
  /** 24 bits. */
  readonly transactionId: number;
  readonly options: OptionList;
}

export function encodeMessage6({ type, transactionId, options }: Message6): Uint8Array {
  const writer = new ByteWriter(256);
  writer.u8(type).u8(transactionId >>> 16);
  writer.u16(transactionId & 0xffff);
  writeOptions(writer, options);
  return writer.finish();
}

/** Relayed messages, which have another header, are refused: none is for a client. */
export function decodeMessage6(bytes: Uint8Array): Message6 {
  const reader = new ByteReader(bytes);
  const type = reader.u8();
  if (type === 0 || type > NEWEST) throw new DecodeError(`decode message: type ${type}`);
  const transactionId = reader.u8() * 0x1_0000 + reader.u16();
  return { type, transactionId, options: readOptions(reader) };
}

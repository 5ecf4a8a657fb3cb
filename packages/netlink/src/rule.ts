import { ByteReader, ByteWriter } from '@kios/bytes';

import { AF, decodeFamily, type Family, prefixOf, splitPrefix, writePrefix } from './family.ts';
import { decodeAttributes, u32Bytes, u32Of, writeAttribute } from './message.ts';

const FRA = {
  dst: 1,
  src: 2,
  priority: 6,
  mark: 10,
  table: 15,
  mask: 16,
  protocol: 21,
} as const;
const TO_TABLE = 1;
const ALL_BITS = 0xffff_ffff;

/** A policy rule that chooses a table. */
export interface Rule {
  readonly family: Family;
  /** Source prefix; undefined for all. */
  readonly from?: string | undefined;
  /** Destination prefix; undefined for all. */
  readonly to?: string | undefined;
  readonly table: number;
  /** The lowest is looked at first. Of a rule without one the kernel chooses it: before those there are. */
  readonly priority?: number | undefined;
  /** 0 is packets without a mark, undefined is all. */
  readonly mark?: number | undefined;
  readonly typeOfService?: number | undefined;
  /** RTPROT_*: who made it. Equal rules of two makers are two rules. */
  readonly protocol: number;
}

/** Decodes the rule in a message; undefined when it does not choose a table, or is not of IP. */
export function decodeRule(payload: Uint8Array): Rule | undefined {
  const reader = new ByteReader(payload);
  const family = decodeFamily(reader.u8());
  const [toLength, fromLength, typeOfService, shortTable] = [
    reader.u8(),
    reader.u8(),
    reader.u8(),
    reader.u8(),
  ];
  reader.skip(2);
  const action = reader.u8();
  reader.skip(4);
  if (family === undefined || action !== TO_TABLE) return undefined;
  const attributes = decodeAttributes(reader.rest());
  const ifAny = (type: number, length: number): string | undefined =>
    length === 0 ? undefined : prefixOf(attributes, type, family, length);
  return {
    family,
    from: ifAny(FRA.src, fromLength),
    to: ifAny(FRA.dst, toLength),
    table: u32Of(attributes, FRA.table) ?? shortTable,
    priority: u32Of(attributes, FRA.priority) ?? 0,
    // The kernel leaves out a mark of 0, but not the mask of its bits.
    mark: u32Of(attributes, FRA.mark) ?? (attributes.has(FRA.mask) ? 0 : undefined),
    typeOfService: typeOfService || undefined,
    protocol: attributes.get(FRA.protocol)?.[0] ?? 0,
  };
}

export function encodeRule(rule: Rule): Uint8Array {
  const { family, table, priority, mark, typeOfService = 0 } = rule;
  const [to, from] = [splitPrefix(rule.to), splitPrefix(rule.from)];
  const writer = new ByteWriter(96);
  writer.u8(AF[family]).u8(to.length).u8(from.length).u8(typeOfService);
  writer
    .u8(table > 0xff ? 0 : table)
    .zeros(2)
    .u8(TO_TABLE)
    .u32le(0);
  writePrefix(writer, FRA.dst, to);
  writePrefix(writer, FRA.src, from);
  if (priority !== undefined) writeAttribute(writer, FRA.priority, u32Bytes(priority));
  if (mark !== undefined) {
    writeAttribute(writer, FRA.mark, u32Bytes(mark));
    // Without a mask the kernel takes a mark of 0 for any.
    writeAttribute(writer, FRA.mask, u32Bytes(ALL_BITS));
  }
  writeAttribute(writer, FRA.table, u32Bytes(table));
  writeAttribute(writer, FRA.protocol, Uint8Array.of(rule.protocol));
  return writer.finish();
}

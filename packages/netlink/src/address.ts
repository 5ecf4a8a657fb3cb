import { ByteReader, ByteWriter } from '@kios/bytes';

import { AF, decodeFamily, familyOf, ipOf, parseIp } from './family.ts';
import {
  decodeAttributes,
  textBytes,
  textValue,
  u32Bytes,
  u32Of,
  writeAttribute,
} from './message.ts';

const IFA = {
  address: 1,
  local: 2,
  label: 3,
  broadcast: 4,
  cacheInfo: 6,
  flags: 8,
  metric: 9,
  protocol: 11,
} as const;

/** Flags of an address: IFA_F_*. */
export const ADDRESS_FLAG = {
  /** Of IPv4: another address of the link has the same prefix and was there before. */
  secondary: 0x01,
  /** Used without a question whether another host has it. */
  noDad: 0x02,
  /** Another host has it. */
  dadFailed: 0x08,
  deprecated: 0x20,
  /** Not used until no other host has replied. */
  tentative: 0x40,
  permanent: 0x80,
  /** The kernel makes temporary addresses of its prefix. */
  manageTemporary: 0x100,
  /** The kernel makes no route to its prefix. */
  noPrefixRoute: 0x200,
} as const;

/** A lifetime that never ends. */
export const FOREVER = 0xffff_ffff;

/** An address of a link; its text tells the family. */
export interface Address {
  readonly ifindex: number;
  readonly address: string;
  readonly prefix: number;
  readonly broadcast?: string | undefined;
  /** A name of IPv4, that of the link unless it got another one. */
  readonly label?: string | undefined;
  readonly scope: number;
  /** A sum of `ADDRESS_FLAG`. */
  readonly flags?: number | undefined;
  /** IFAPROT_*: who made it; 0 when unknown. Kernels before 5.18 do not keep it. */
  readonly protocol: number;
  /** Metric of the subnet's route, which the kernel adds with the address. */
  readonly metric?: number | undefined;
  readonly validSeconds: number;
  readonly preferredSeconds: number;
}

/** Decodes the address in a message; undefined when it is not of IP. */
export function decodeAddress(payload: Uint8Array): Address | undefined {
  const reader = new ByteReader(payload);
  const family = decodeFamily(reader.u8());
  if (family === undefined) return undefined;
  const prefix = reader.u8();
  const shortFlags = reader.u8();
  const scope = reader.u8();
  const ifindex = reader.u32le();
  const attributes = decodeAttributes(reader.rest());
  const address = ipOf(attributes, IFA.local, family) ?? ipOf(attributes, IFA.address, family);
  if (address === undefined) return undefined;
  const label = attributes.get(IFA.label);
  return {
    ifindex,
    address,
    prefix,
    broadcast: ipOf(attributes, IFA.broadcast, family),
    label: label && textValue(label),
    scope,
    flags: u32Of(attributes, IFA.flags) ?? shortFlags,
    protocol: attributes.get(IFA.protocol)?.[0] ?? 0,
    metric: u32Of(attributes, IFA.metric),
    ...decodeLifetimes(attributes.get(IFA.cacheInfo)),
  };
}

function decodeLifetimes(
  cache: Uint8Array | undefined,
): Pick<Address, 'preferredSeconds' | 'validSeconds'> {
  if (cache === undefined) return { preferredSeconds: FOREVER, validSeconds: FOREVER };
  const reader = new ByteReader(cache);
  return { preferredSeconds: reader.u32le(), validSeconds: reader.u32le() };
}

export function encodeAddress(address: Address): Uint8Array {
  const { prefix, scope, ifindex, broadcast, label, flags, metric } = address;
  const ip = parseIp(address.address);
  const writer = new ByteWriter(128);
  writer.u8(AF[familyOf(address.address)]).u8(prefix).u8(0).u8(scope).u32le(ifindex);
  writeAttribute(writer, IFA.local, ip);
  writeAttribute(writer, IFA.address, ip);
  if (broadcast !== undefined) writeAttribute(writer, IFA.broadcast, parseIp(broadcast));
  if (label !== undefined) writeAttribute(writer, IFA.label, textBytes(label));
  if (flags !== undefined) writeAttribute(writer, IFA.flags, u32Bytes(flags));
  if (metric !== undefined) writeAttribute(writer, IFA.metric, u32Bytes(metric));
  writeAttribute(writer, IFA.protocol, Uint8Array.of(address.protocol));
  const lifetimes = new ByteWriter(16).u32le(address.preferredSeconds).u32le(address.validSeconds);
  writeAttribute(writer, IFA.cacheInfo, lifetimes.zeros(8).finish());
  return writer.finish();
}

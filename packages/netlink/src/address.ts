import { ByteReader, ByteWriter, parseIpv4 } from '@kios/bytes';

import { decodeAttributes, ipv4Of, u32Bytes, u32Of, writeAttribute } from './message.ts';

const AF_INET = 2;
const IFA = {
  address: 1,
  local: 2,
  broadcast: 4,
  cacheInfo: 6,
  flags: 8,
  metric: 9,
  protocol: 11,
} as const;

/** A lifetime that never ends. */
export const FOREVER = 0xffff_ffff;

/** An IPv4 address of a link. */
export interface Address {
  readonly ifindex: number;
  readonly address: string;
  readonly prefix: number;
  readonly broadcast?: string | undefined;
  readonly scope: number;
  /** IFAPROT_*: who made it; 0 when unknown. Kernels before 5.18 do not keep it. */
  readonly protocol: number;
  /** Metric of the subnet's route, which the kernel adds with the address. */
  readonly metric?: number | undefined;
  readonly validSeconds: number;
  readonly preferredSeconds: number;
}

/** Decodes the address in a message; undefined when it is not IPv4. */
export function decodeAddress(payload: Uint8Array): Address | undefined {
  const reader = new ByteReader(payload);
  if (reader.u8() !== AF_INET) return undefined;
  const prefix = reader.u8();
  reader.skip(1);
  const scope = reader.u8();
  const ifindex = reader.u32le();
  const attributes = decodeAttributes(reader.rest());
  const address = ipv4Of(attributes, IFA.local) ?? ipv4Of(attributes, IFA.address);
  if (address === undefined) return undefined;
  return {
    ifindex,
    address,
    prefix,
    broadcast: ipv4Of(attributes, IFA.broadcast),
    scope,
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
  const writer = new ByteWriter(96);
  writer.u8(AF_INET).u8(address.prefix).u8(0).u8(address.scope).u32le(address.ifindex);
  writeAttribute(writer, IFA.local, parseIpv4(address.address));
  writeAttribute(writer, IFA.address, parseIpv4(address.address));
  if (address.broadcast !== undefined) {
    writeAttribute(writer, IFA.broadcast, parseIpv4(address.broadcast));
  }
  if (address.metric !== undefined) writeAttribute(writer, IFA.metric, u32Bytes(address.metric));
  writeAttribute(writer, IFA.protocol, Uint8Array.of(address.protocol));
  const lifetimes = new ByteWriter(16).u32le(address.preferredSeconds).u32le(address.validSeconds);
  writeAttribute(writer, IFA.cacheInfo, lifetimes.zeros(8).finish());
  return writer.finish();
}

import { ByteReader, ByteWriter, fromHex, parseIpv6, toHex } from '@kios/bytes';

import { AF } from './family.ts';
import {
  decodeAttributes,
  nest,
  textBytes,
  textValue,
  u32Bytes,
  u32Of,
  writeAttribute,
} from './message.ts';

const IFLA = {
  address: 1,
  name: 3,
  mtu: 4,
  master: 10,
  linkInfo: 18,
  afSpec: 26,
  carrier: 33,
  maxMtu: 51,
} as const;
const IFLA_INFO_KIND = 1;
const IFLA_INET_CONF = 1;
const DEVCONF_PROMOTE_SECONDARIES = 20;
/** Attributes of IFLA_AF_SPEC for IPv6. */
export const INET6 = { token: 7, generation: 8 } as const;
export const IFF_UP = 1;
export const ARPHRD_ETHER = 1;

/** A network device. */
export interface Link {
  readonly index: number;
  readonly name: string;
  /** ARPHRD_*; 1 is Ethernet. */
  readonly type: number;
  /** Hardware address as `aa:bb:…`. */
  readonly mac: string;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly mtu: number;
  readonly maxMtu: number | undefined;
  /** Index of its bridge or bond. */
  readonly master: number | undefined;
  /** `veth`, `bridge`, …; undefined for hardware. */
  readonly kind: string | undefined;
}

export function decodeLink(payload: Uint8Array): Link {
  const reader = new ByteReader(payload);
  reader.skip(2);
  const type = reader.u16le();
  const index = reader.i32le();
  const flags = reader.u32le();
  reader.skip(4);
  const attributes = decodeAttributes(reader.rest());
  return {
    index,
    name: textValue(attributes.get(IFLA.name) ?? new Uint8Array()),
    type,
    mac: toHex(attributes.get(IFLA.address) ?? new Uint8Array(), ':'),
    up: (flags & IFF_UP) !== 0,
    carrier: attributes.get(IFLA.carrier)?.[0] === 1,
    mtu: u32Of(attributes, IFLA.mtu) ?? 0,
    maxMtu: u32Of(attributes, IFLA.maxMtu) || undefined,
    master: u32Of(attributes, IFLA.master),
    kind: kindOf(attributes.get(IFLA.linkInfo)),
  };
}

function kindOf(linkInfo: Uint8Array | undefined): string | undefined {
  const kind = linkInfo && decodeAttributes(linkInfo).get(IFLA_INFO_KIND);
  return kind && textValue(kind);
}

/** How the kernel makes a link's own IPv6 addresses: IN6_ADDR_GEN_MODE_*, by their numbers. */
export const GENERATIONS = ['eui64', 'none', 'stable-privacy', 'random'] as const;
export type Generation = (typeof GENERATIONS)[number];

/** Changes to a link; absent properties stay as they are. */
export interface LinkChange {
  readonly up?: boolean;
  readonly mtu?: number;
  /** Index of the bridge or bond that the link goes into; 0 takes it out. A bond takes only a link that is down. */
  readonly master?: number;
  /** Hardware address as `aa:bb:…`. */
  readonly mac?: string;
  readonly name?: string;
  /** Whether deleting a primary address promotes a secondary one, instead of deleting all addresses of its subnet. */
  readonly promoteSecondaries?: boolean;
  /** The kernel refuses `stable-privacy` while it has no secret for it. */
  readonly generation?: Generation;
  /** The host's part of addresses that are made of announcements; `::` for none. Refused where none are taken. */
  readonly token?: string;
}

export function encodeLinkChange(index: number, change: LinkChange): Uint8Array {
  const writer = new ByteWriter(64);
  const flags = change.up === true ? IFF_UP : 0;
  writer.u8(0).u8(0).u16le(0).u32le(index).u32le(flags);
  writer.u32le(change.up === undefined ? 0 : IFF_UP);
  if (change.mtu !== undefined) writeAttribute(writer, IFLA.mtu, u32Bytes(change.mtu));
  if (change.master !== undefined) writeAttribute(writer, IFLA.master, u32Bytes(change.master));
  if (change.mac !== undefined) writeAttribute(writer, IFLA.address, fromHex(change.mac));
  if (change.name !== undefined) writeAttribute(writer, IFLA.name, textBytes(change.name));
  const families = familySettings(change);
  if (families.length > 0) writeAttribute(writer, IFLA.afSpec, nest(...families));
  return writer.finish();
}

type Nested = readonly [type: number, value: Uint8Array];

function familySettings({ promoteSecondaries, generation, token }: LinkChange): Nested[] {
  const families: Nested[] = [];
  if (promoteSecondaries !== undefined) {
    const value = u32Bytes(promoteSecondaries ? 1 : 0);
    const conf = nest([DEVCONF_PROMOTE_SECONDARIES, value]);
    families.push([AF.ipv4, nest([IFLA_INET_CONF, conf])]);
  }
  const inet6: Nested[] = [];
  if (token !== undefined) inet6.push([INET6.token, parseIpv6(token)]);
  if (generation !== undefined)
    inet6.push([INET6.generation, Uint8Array.of(GENERATIONS.indexOf(generation))]);
  if (inet6.length > 0) families.push([AF.ipv6, nest(...inet6)]);
  return families;
}

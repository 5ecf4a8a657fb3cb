import { ByteReader, ByteWriter, fromHex, toHex } from '@kios/bytes';

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
const AF_INET = 2;
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
  if (change.promoteSecondaries !== undefined) {
    const value = u32Bytes(change.promoteSecondaries ? 1 : 0);
    const inet = nest([IFLA_INET_CONF, nest([DEVCONF_PROMOTE_SECONDARIES, value])]);
    writeAttribute(writer, IFLA.afSpec, nest([AF_INET, inet]));
  }
  return writer.finish();
}

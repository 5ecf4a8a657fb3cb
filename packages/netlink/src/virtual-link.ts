import { ByteReader, ByteWriter, fromHex, parseIpv4 } from '@kios/bytes';

import {
  type Attributes,
  decodeAttributes,
  nest,
  textBytes,
  textValue,
  u32Bytes,
  writeAttribute,
} from './message.ts';

/** Attributes of linux/if_link.h. */
const IFLA = { address: 1, name: 3, mtu: 4, link: 5, linkInfo: 18, group: 27 } as const;
const INFO = { kind: 1, data: 2 } as const;
const BOND_ARP_TARGETS = 8;

type Width = 1 | 2 | 4;
type Setting = readonly [attribute: number, width: Width];

/**
 * The numbers that a link of each kind can be set to: IFLA_BOND_*, IFLA_BR_* and IFLA_VLAN_* with their widths in
 * bytes. Times of a bridge are in hundredths of a second, those of a bond in milliseconds.
 */
export const LINK_SETTINGS = {
  bond: {
    mode: [1, 1],
    miimon: [3, 4],
    upDelay: [4, 4],
    downDelay: [5, 4],
    arpInterval: [7, 4],
    arpValidate: [9, 4],
    arpAllTargets: [10, 4],
    /** Index of the link. */
    primary: [11, 4],
    primaryReselect: [12, 1],
    failOverMac: [13, 1],
    xmitHashPolicy: [14, 1],
    resendIgmp: [15, 4],
    peerNotifications: [16, 1],
    allActive: [17, 1],
    minLinks: [18, 4],
    learnInterval: [19, 4],
    packetsPerPort: [20, 4],
    lacpRate: [21, 1],
    adSelect: [22, 1],
  },
  bridge: {
    forwardDelay: [1, 4],
    helloTime: [2, 4],
    maxAge: [3, 4],
    ageingTime: [4, 4],
    stp: [5, 4],
    priority: [6, 2],
    multicastSnooping: [23, 1],
  },
  vlan: { id: [1, 2] },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Setting>>>>;

export type LinkKind = keyof typeof LINK_SETTINGS;
/** What is undefined stays as the kernel has it. */
export type SettingsOf<Kind extends LinkKind> = {
  readonly [name in keyof (typeof LINK_SETTINGS)[Kind]]?: number | undefined;
};

/** A link that exists in the kernel alone. */
export type VirtualLink = {
  readonly [Kind in LinkKind]: {
    readonly kind: Kind;
    readonly name: string;
    readonly settings: SettingsOf<Kind>;
    /** Index of the link that a VLAN is on. */
    readonly parent?: number;
    /** Hardware address as `aa:bb:…`; the kernel makes one of a link without it. */
    readonly mac?: string;
    readonly mtu?: number;
    /** A number of the maker's choice, which the link has from its first moment. */
    readonly group?: number;
    /** IPv4 addresses that a bond asks for by ARP. */
    readonly arpTargets?: readonly string[];
  };
}[LinkKind];

const settingsOf = (kind: LinkKind): [name: string, setting: Setting][] =>
  Object.entries(LINK_SETTINGS[kind]);

/** Returns the payload of RTM_NEWLINK that makes the link, or sets the given settings of the one of this name. */
export function encodeVirtualLink(link: VirtualLink): Uint8Array {
  const writer = new ByteWriter(256).zeros(16);
  writeAttribute(writer, IFLA.name, textBytes(link.name));
  if (link.mac !== undefined) writeAttribute(writer, IFLA.address, fromHex(link.mac));
  if (link.mtu !== undefined) writeAttribute(writer, IFLA.mtu, u32Bytes(link.mtu));
  if (link.parent !== undefined) writeAttribute(writer, IFLA.link, u32Bytes(link.parent));
  if (link.group !== undefined) writeAttribute(writer, IFLA.group, u32Bytes(link.group));
  const kind = [INFO.kind, textBytes(link.kind)] as const;
  writeAttribute(writer, IFLA.linkInfo, nest(kind, [INFO.data, encodeSettings(link)]));
  return writer.finish();
}

function encodeSettings({ kind, settings, arpTargets }: VirtualLink): Uint8Array {
  const given: Readonly<Record<string, number | undefined>> = settings;
  const numbers = settingsOf(kind).flatMap(([name, [attribute, width]]) => {
    const value = given[name];
    return value === undefined ? [] : [[attribute, numberBytes(value, width)] as const];
  });
  if (arpTargets === undefined) return nest(...numbers);
  const targets = arpTargets.map((address, i) => [i, parseIpv4(address)] as const);
  return nest(...numbers, [BOND_ARP_TARGETS, nest(...targets)]);
}

/** What a link of a known kind is set to, of its attribute IFLA_LINKINFO. */
export interface LinkInfo {
  /** `veth`, `bridge`, …; undefined for hardware. */
  readonly kind: string | undefined;
  /** By their names in `LINK_SETTINGS`; empty for other kinds. */
  readonly settings: Readonly<Record<string, number>>;
}

export function decodeLinkInfo(bytes: Uint8Array | undefined): LinkInfo {
  const info: Attributes = bytes === undefined ? new Map() : decodeAttributes(bytes);
  const name = info.get(INFO.kind);
  const kind = name && textValue(name);
  const data = info.get(INFO.data);
  if (kind === undefined || data === undefined || !isKnown(kind)) return { kind, settings: {} };
  const attributes = decodeAttributes(data);
  const settings = settingsOf(kind).flatMap(([setting, [attribute, width]]) => {
    const value = attributes.get(attribute);
    return value === undefined ? [] : [[setting, numberValue(value, width)] as const];
  });
  return { kind, settings: Object.fromEntries(settings) };
}

const isKnown = (kind: string): kind is LinkKind => Object.hasOwn(LINK_SETTINGS, kind);

function numberBytes(value: number, width: Width): Uint8Array {
  const writer = new ByteWriter(4);
  if (width === 1) return writer.u8(value).finish();
  return (width === 2 ? writer.u16le(value) : writer.u32le(value)).finish();
}

function numberValue(bytes: Uint8Array, width: Width): number {
  const reader = new ByteReader(bytes);
  if (width === 1) return reader.u8();
  return width === 2 ? reader.u16le() : reader.u32le();
}

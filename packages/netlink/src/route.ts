import { ByteReader, ByteWriter } from '@kios/bytes';

import {
  AF,
  decodeFamily,
  familyOf,
  ipOf,
  parseIp,
  prefixOf,
  splitPrefix,
  writePrefix,
} from './family.ts';
import { decodeAttributes, nest, u32Bytes, u32Of, writeAttribute } from './message.ts';

const RTA = { dst: 1, oif: 4, gateway: 5, metric: 6, prefsrc: 7, metrics: 8, table: 15 } as const;
/** Attributes of RTA_METRICS, by their names in `Route`. */
const RTAX = { mtu: 2, advmss: 8, initcwnd: 11, initrwnd: 14 } as const;
const METRICS = ['mtu', 'advmss', 'initcwnd', 'initrwnd'] as const;
const RTNH_F_ONLINK = 4;

export const SCOPE = { universe: 0, link: 253, host: 254 } as const;
export const TABLE = { main: 254, local: 255 } as const;

/** RTN_*, by their numbers from 1 on. */
const TYPES = [
  'unicast',
  'local',
  'broadcast',
  'anycast',
  'multicast',
  'blackhole',
  'unreachable',
  'prohibit',
  'throw',
] as const;
export type RouteType = (typeof TYPES)[number];
const WITHOUT_LINK: readonly RouteType[] = ['blackhole', 'unreachable', 'prohibit', 'throw'];

/** A route; its destination tells the family. What is absent is as usual: the main table, unicast. */
export interface Route {
  /** Destination prefix, `0.0.0.0/0` or `::/0` for the default route. */
  readonly dst: string;
  /** Gateway; undefined for an on-link route. */
  readonly via?: string | undefined;
  /** 0 for a route through several links, and for a type that needs none. */
  readonly ifindex: number;
  readonly prefsrc?: string | undefined;
  /** Of IPv6 the kernel takes 0 for 1024. */
  readonly metric: number;
  /** RTPROT_*: who made it. */
  readonly protocol: number;
  /** Of IPv6 always that of the universe. */
  readonly scope: number;
  readonly table?: number | undefined;
  readonly type?: RouteType | undefined;
  /** The gateway is on the link although no prefix says so. */
  readonly onLink?: boolean | undefined;
  readonly mtu?: number | undefined;
  readonly advmss?: number | undefined;
  readonly initcwnd?: number | undefined;
  readonly initrwnd?: number | undefined;
}

/** Returns whether the route is one of those that `Rtnetlink.routes` lists. */
export const isMain = ({ table, type }: Route): boolean =>
  table === undefined && type === undefined;

/** `struct rtmsg`, as far as it is used. */
function readHeader(reader: ByteReader) {
  return {
    family: decodeFamily(reader.u8()),
    length: reader.u8(),
    sourceLength: reader.u8(),
    typeOfService: reader.u8(),
    shortTable: reader.u8(),
    protocol: reader.u8(),
    scope: reader.u8(),
    type: TYPES[reader.u8() - 1],
    flags: reader.u32le(),
  };
}

/**
 * Decodes the route in a message; undefined when it is not of IP, or is for some packets only: for those of a type of
 * service, or of a source prefix. Such routes are beside those for all packets, never instead of them.
 */
export function decodeRoute(payload: Uint8Array): Route | undefined {
  const reader = new ByteReader(payload);
  const { family, length, type, protocol, scope, flags, ...header } = readHeader(reader);
  if (family === undefined || type === undefined) return undefined;
  if (header.sourceLength > 0 || header.typeOfService > 0) return undefined;
  const attributes = decodeAttributes(reader.rest());
  const number = (attribute: number): number => u32Of(attributes, attribute) ?? 0;
  const table = number(RTA.table) || header.shortTable;
  return {
    dst: prefixOf(attributes, RTA.dst, family, length),
    via: ipOf(attributes, RTA.gateway, family),
    // IPv6 says the loopback where there is no link.
    ifindex: WITHOUT_LINK.includes(type) ? 0 : number(RTA.oif),
    prefsrc: ipOf(attributes, RTA.prefsrc, family),
    metric: number(RTA.metric),
    protocol,
    scope,
    table: table === TABLE.main ? undefined : table,
    type: type === 'unicast' ? undefined : type,
    onLink: (flags & RTNH_F_ONLINK) !== 0 || undefined,
    ...decodeMetrics(attributes.get(RTA.metrics)),
  };
}

function decodeMetrics(bytes: Uint8Array | undefined): Pick<Route, (typeof METRICS)[number]> {
  if (bytes === undefined) return {};
  const attributes = decodeAttributes(bytes);
  return Object.fromEntries(METRICS.map((name) => [name, u32Of(attributes, RTAX[name])]));
}

export function encodeRoute(route: Route): Uint8Array {
  const { table = TABLE.main, type = 'unicast', via, prefsrc, ifindex } = route;
  const dst = splitPrefix(route.dst);
  const writer = new ByteWriter(128);
  writer.u8(AF[familyOf(route.dst)]).u8(dst.length).u8(0).u8(0);
  writer
    .u8(table > 0xff ? 0 : table)
    .u8(route.protocol)
    .u8(route.scope);
  writer.u8(TYPES.indexOf(type) + 1).u32le(route.onLink === true ? RTNH_F_ONLINK : 0);
  writePrefix(writer, RTA.dst, dst);
  if (via !== undefined) writeAttribute(writer, RTA.gateway, parseIp(via));
  if (ifindex !== 0) writeAttribute(writer, RTA.oif, u32Bytes(ifindex));
  if (prefsrc !== undefined) writeAttribute(writer, RTA.prefsrc, parseIp(prefsrc));
  writeAttribute(writer, RTA.metric, u32Bytes(route.metric));
  writeAttribute(writer, RTA.table, u32Bytes(table));
  const metrics = METRICS.flatMap((name) => {
    const value = route[name];
    return value === undefined ? [] : [[RTAX[name], u32Bytes(value)] as const];
  });
  if (metrics.length > 0) writeAttribute(writer, RTA.metrics, nest(...metrics));
  return writer.finish();
}

import { ByteReader, ByteWriter, formatIpv4, parseIpv4 } from '@kios/bytes';

import { decodeAttributes, ipv4Of, nest, u32Bytes, u32Of, writeAttribute } from './message.ts';

const AF_INET = 2;
const RTA = { dst: 1, oif: 4, gateway: 5, metric: 6, prefsrc: 7, metrics: 8, table: 15 } as const;
const RTAX_MTU = 2;

export const SCOPE = { universe: 0, link: 253, host: 254 } as const;
export const TABLE_MAIN = 254;
const TYPE_UNICAST = 1;

/** An IPv4 route in the main table through one link. */
export interface Route {
  /** Destination prefix, `0.0.0.0/0` for the default route. */
  readonly dst: string;
  /** Gateway; undefined for an on-link route. */
  readonly via?: string | undefined;
  readonly ifindex: number;
  readonly prefsrc?: string | undefined;
  readonly metric: number;
  /** RTPROT_*: who made it. */
  readonly protocol: number;
  readonly scope: number;
  readonly mtu?: number | undefined;
}

/** Decodes the route in a message; undefined unless it is a unicast IPv4 route of the main table. */
export function decodeRoute(payload: Uint8Array): Route | undefined {
  const reader = new ByteReader(payload);
  const family = reader.u8();
  const prefix = reader.u8();
  reader.skip(2);
  const shortTable = reader.u8();
  const protocol = reader.u8();
  const scope = reader.u8();
  const type = reader.u8();
  reader.skip(4);
  const attributes = decodeAttributes(reader.rest());
  const table = u32Of(attributes, RTA.table) ?? shortTable;
  if (family !== AF_INET || type !== TYPE_UNICAST || table !== TABLE_MAIN) return undefined;
  const ifindex = u32Of(attributes, RTA.oif);
  // A multipath route has no single link. kiOS makes none.
  if (ifindex === undefined) return undefined;
  return {
    dst: `${formatIpv4(attributes.get(RTA.dst) ?? new Uint8Array(4))}/${prefix}`,
    via: ipv4Of(attributes, RTA.gateway),
    ifindex,
    prefsrc: ipv4Of(attributes, RTA.prefsrc),
    metric: u32Of(attributes, RTA.metric) ?? 0,
    protocol,
    scope,
    mtu: mtuOf(attributes.get(RTA.metrics)),
  };
}

function mtuOf(metrics: Uint8Array | undefined): number | undefined {
  return metrics && u32Of(decodeAttributes(metrics), RTAX_MTU);
}

export function encodeRoute(route: Route): Uint8Array {
  const [dst = '', prefix = '32'] = route.dst.split('/');
  const writer = new ByteWriter(96);
  writer.u8(AF_INET).u8(Number(prefix)).u8(0).u8(0);
  writer.u8(TABLE_MAIN).u8(route.protocol).u8(route.scope).u8(TYPE_UNICAST).u32le(0);
  if (prefix !== '0') writeAttribute(writer, RTA.dst, parseIpv4(dst));
  if (route.via !== undefined) writeAttribute(writer, RTA.gateway, parseIpv4(route.via));
  writeAttribute(writer, RTA.oif, u32Bytes(route.ifindex));
  if (route.prefsrc !== undefined) {
    writeAttribute(writer, RTA.prefsrc, parseIpv4(route.prefsrc));
  }
  writeAttribute(writer, RTA.metric, u32Bytes(route.metric));
  if (route.mtu !== undefined) {
    writeAttribute(writer, RTA.metrics, nest([RTAX_MTU, u32Bytes(route.mtu)]));
  }
  return writer.finish();
}

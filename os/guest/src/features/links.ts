import { ByteWriter } from '@kios/bytes';
import { nest } from '@kios/netlink/message';

import { returns, loadProgram } from '../bpf.ts';
import { call } from '../call.ts';
import { type Attribute, be16, CREATE, give, NETLINK, text, u16, u32 } from '../netlink.ts';
import { withDevice } from './device-node.ts';
import type { Features } from './feature.ts';

const RTM = {
  newLink: 16,
  setLink: 19,
  newAddress: 20,
  newRoute: 24,
  newQdisc: 36,
  newFilter: 44,
  newAction: 48,
} as const;
const IFLA = { name: 3, link: 5, linkInfo: 18, xdp: 43 } as const;
const IFLA_INFO = { kind: 1, data: 2 } as const;
const IFF_UP = 1;
const TCA = { kind: 1, options: 2 } as const;
const TCA_ACT_TAB = 1;
const RTA = { destination: 1, link: 4, encapType: 21, encap: 22 } as const;
const MAIN_TABLE = 254;
const STATIC = 4;
const UNICAST = 1;
const TC = { root: 0xffffffff, clsact: 0xfffffff1, ingress: 0xfffffff2 } as const;
const ETH_P_ALL = 3;
const XDP_FLAGS_SKB_MODE = 2;
const PROGRAM = { schedCls: 3, xdp: 6 } as const;
const XDP_PASS = 2;
const TUNSETIFF = 0x400454ca;
const IFF_TAP_NO_PI = 0x1002;
/** Index of the dummy link that others are made on. */
export const LOWER = 1000;

let next = LOWER;

const linkHeader = (index: number, flags = 0): Uint8Array =>
  new ByteWriter(16).u8(0).u8(0).u16le(0).u32le(index).u32le(flags).u32le(flags).finish();

/** Makes a link of this kind, up, and returns its index. */
export function makeLink(
  kind: string,
  data: readonly Attribute[] = [],
  extra: readonly Attribute[] = [],
): number {
  const index = next;
  next += 2;
  const info: Attribute[] = [[IFLA_INFO.kind, text(kind)]];
  if (data.length > 0) info.push([IFLA_INFO.data, nest(...data)]);
  const attributes = nest([IFLA.name, text(`kios${index}`)], ...extra, [
    IFLA.linkInfo,
    nest(...info),
  ]);
  const payload = Buffer.concat([linkHeader(index, IFF_UP), attributes]);
  give(NETLINK.route, { type: RTM.newLink, flags: CREATE, payload });
  return index;
}

const onLower: readonly Attribute[] = [[IFLA.link, u32(LOWER)]];

interface Discipline {
  readonly kind: string;
  readonly parent: number;
  readonly options?: Uint8Array;
}

function control(
  type: number,
  index: number,
  { kind, parent, options }: Discipline,
  info = 0,
): void {
  const handle = parent === TC.clsact ? 0xffff0000 : 0;
  const header = new ByteWriter(20).u32le(0).u32le(index).u32le(handle >>> 0).u32le(parent).u32le(info).finish(); // prettier-ignore
  const attributes: Attribute[] = [[TCA.kind, text(kind)]];
  if (options !== undefined) attributes.push([TCA.options, options]);
  give(NETLINK.route, {
    type,
    flags: CREATE,
    payload: Buffer.concat([header, nest(...attributes)]),
  });
}

/** struct tc_tbf_qopt: 1 MB/s, a bucket of 10 kB. */
const TOKEN_BUCKET = nest([
  1,
  new ByteWriter(36).u8(0).u8(1).zeros(6).u32le(1_000_000).zeros(12).u32le(100_000).u32le(156_250).u32le(1500).finish(),
]); // prettier-ignore

export const shape = (kind: string, options?: Uint8Array): void =>
  control(RTM.newQdisc, makeLink('dummy'), { kind, parent: TC.root, ...(options && { options }) });

/** Sets the first link of a network namespace up. */
export const upLoopback = (): void =>
  give(NETLINK.route, { type: RTM.setLink, payload: linkHeader(1, IFF_UP) });

/** Adds a filter to what a new link receives. */
export function filter(kind: string, options?: Uint8Array): void {
  const index = makeLink('dummy');
  control(RTM.newQdisc, index, { kind: 'clsact', parent: TC.clsact });
  const info = ((1 << 16) | (ETH_P_ALL << 8)) >>> 0;
  const discipline = { kind, parent: TC.ingress, ...(options && { options }) };
  control(RTM.newFilter, index, discipline, info);
}

/** Adds an action of filters that no filter uses. */
export function act(kind: string): void {
  const action = nest([TCA.kind, text(kind)], [TCA.options, new Uint8Array()]);
  const payload = Buffer.concat([new Uint8Array(4), nest([TCA_ACT_TAB, nest([1, action])])]);
  give(NETLINK.route, { type: RTM.newAction, flags: CREATE, payload });
}

/** What a route wraps its packets in: a kind, and an attribute of that kind. */
interface Wrapping {
  readonly kind: number;
  readonly how: Attribute;
}

/** Adds a route over the lower link to an address of this family. */
export function wrapRoute(family: number, destination: Uint8Array, { kind, how }: Wrapping): void {
  const header = new ByteWriter(12).u8(family).u8(8 * destination.length).zeros(2).u8(MAIN_TABLE).u8(STATIC).u8(0).u8(UNICAST).zeros(4).finish(); // prettier-ignore
  const attributes = nest(
    [RTA.destination, destination],
    [RTA.link, u32(LOWER)],
    [RTA.encapType, u16(kind)],
    [RTA.encap, nest(how)],
  );
  const payload = Buffer.concat([header, attributes]);
  give(NETLINK.route, { type: RTM.newRoute, flags: CREATE, payload });
}

const SEGMENTS = 5;
const SEGMENT = Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** struct seg6_iptunnel_encap: an outer header with one segment. */
function routeBySegments(): void {
  const header = new ByteWriter(28).u32le(1).u8(0).u8(2).u8(4).u8(0).zeros(4).bytes(SEGMENT);
  const destination = Uint8Array.from(SEGMENT).with(15, 2);
  wrapRoute(10, destination, { kind: SEGMENTS, how: [1, header.finish()] });
}

/**
 * Adds an address to the lower link: without one a network namespace has no routing table, and IPVS no route to a
 * server.
 */
function address(): void {
  const own = Uint8Array.of(192, 0, 2, 10);
  const header = new ByteWriter(8).u8(2).u8(24).u8(0).u8(0).u32le(LOWER).finish();
  const payload = Buffer.concat([header, nest([1, own], [2, own])]);
  give(NETLINK.route, { type: RTM.newAddress, flags: CREATE, payload });
}

export const LINKS: Features = {
  dummy: () => void makeLink('dummy'),
  address,
  vlan: () => void makeLink('vlan', [[1, u16(7)]], onLower),
  vxlan: () => void makeLink('vxlan', [[1, u32(7)], [15, be16(4789)]]), // prettier-ignore
  geneve: () => void makeLink('geneve', [[1, u32(7)], [2, Uint8Array.of(192, 0, 2, 1)]]), // prettier-ignore
  wireguard: () => void makeLink('wireguard'),
  bridge: () => void makeLink('bridge'),
  veth: () => void makeLink('veth', [[1, linkHeader(next + 1)]]),
  ipvlan: () => void makeLink('ipvlan', [[1, u16(0)]], [[IFLA.link, u32(makeLink('dummy'))]]),
  macvlan: () => void makeLink('macvlan', [[1, u32(4)]], onLower),
  ipip: () => void makeLink('ipip', [[2, Uint8Array.of(192, 0, 2, 2)], [3, Uint8Array.of(192, 0, 2, 1)]]), // prettier-ignore
  tap: () => {
    const request = Buffer.alloc(40);
    request.writeUInt16LE(IFF_TAP_NO_PI, 16);
    withDevice('/dev/net/tun', (fd) => call('ioctl', fd, TUNSETIFF, request));
  },
  'qdisc fq': () => shape('fq'),
  'qdisc tbf': () => shape('tbf', TOKEN_BUCKET),
  'bpf on traffic control': () => {
    const program = loadProgram({ type: PROGRAM.schedCls, code: returns(0) });
    filter('bpf', nest([6, u32(program)], [7, text('kios')], [8, u32(1)]));
  },
  'bpf on the driver (XDP)': () => {
    const program = loadProgram({ type: PROGRAM.xdp, code: returns(XDP_PASS) });
    const xdp = nest([1, u32(program)], [3, u32(XDP_FLAGS_SKB_MODE)]);
    const payload = Buffer.concat([linkHeader(makeLink('dummy')), nest([IFLA.xdp, xdp])]);
    give(NETLINK.route, { type: RTM.setLink, payload });
  },
  'routes through segments': routeBySegments,
};

import { ByteWriter } from '@kios/bytes';
import { encodeMessage, nest, NLM_F } from '@kios/netlink/message';

import type { PodNetwork } from '../network/pod-network.ts';
import {
  ACCEPT,
  type Attribute,
  beginsConnection,
  countsOver,
  differs,
  DROP,
  equals,
  FIELD,
  isFasterThan,
  load,
  loadMeta,
  loadPart,
  MASQUERADE,
  META,
  nested,
  text,
  u32,
} from './expressions.ts';
import { type Family, IPV4, IPV6, isOf, isTo, leaves } from './family.ts';

/** NETLINK_NETFILTER. */
export const NETFILTER = 12;

const SUBSYSTEM = 10;
const BATCH = { begin: 0x10, end: 0x11 } as const;
const REQUEST = { newTable: 0, deleteTable: 2, newChain: 3, newRule: 6, newSet: 9 } as const;
const NLM_F_APPEND = 0x800;
const NFT_SET_EVAL = 0x20;
/** How the program `nft` shows a set's keys: as marks, which are numbers in the processor's byte order. */
const TYPE_MARK = 19;
/** Families of tables: of IPv4 packets, and of both. */
const TABLES = { ip: 2, inet: 1 } as const;

/** Places in a packet's way (linux/netfilter.h), each with the priority of its purpose. */
const PREROUTING = { hook: 0, priority: 0 } as const;
const FORWARD = { hook: 2, priority: 0 } as const;
const POSTROUTING = { hook: 4, priority: 100 } as const;

const PROTOCOLS = { tcp: 6, udp: 17 } as const;
const DNS = 53;

/** The kernel's table of connections, which the host shares with its pods. */
export interface ConnectionTable {
  readonly places: number;
  /** How long a connection keeps its place after its end. */
  readonly closingSeconds: number;
}

/** What pods may take of the table: places for connections that are open, and for those that have ended. */
const SHARE = { open: 1 / 2, ended: 1 / 4 } as const;
/** Connections in a part. For a new one the kernel goes through all of its part. */
const PART = 128;
const CONNECTIONS = 'connections';

interface Limits {
  readonly parts: number;
  readonly perSecond: number;
}

/** The kernel does not count connections that have ended, so what bounds them is how fast new ones begin. */
const limitsOf = ({ places, closingSeconds }: ConnectionTable): Limits => ({
  parts: Math.ceil((places * SHARE.open) / PART),
  perSecond: Math.ceil((places * SHARE.ended) / closingSeconds),
});

interface Request {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

/** Returns a `struct nfgenmsg` followed by attributes. */
function payload(
  family: number,
  resource: number,
  ...attributes: readonly Attribute[]
): Uint8Array {
  const head = new ByteWriter(4).u8(family).u8(0).u16(resource).finish();
  return new Uint8Array([...head, ...nest(...attributes)]);
}

type Requests = (kind: number, flags: number, ...attributes: readonly Attribute[]) => Request;

/** One table counts the connections of both families, since they share the kernel's. */
const requestsFor =
  ({ ipv6 }: PodNetwork): Requests =>
  (kind, flags, ...attributes) => ({
    type: (SUBSYSTEM << 8) | kind,
    flags,
    payload: payload(ipv6 === undefined ? TABLES.ip : TABLES.inet, 0, ...attributes),
  });

const linkName = (name: string): Uint8Array => {
  const bytes = new Uint8Array(16);
  bytes.set(new TextEncoder().encode(name));
  return bytes;
};

const u16 = (value: number): Uint8Array => new ByteWriter(2).u16(value).finish();

/** What the rules say of one family. */
interface FamilyRules {
  readonly platform: readonly Attribute[][];
  readonly masquerade: Attribute[];
}

function rulesOfFamily(family: Family, network: string, only: readonly Attribute[]): FamilyRules {
  return {
    platform: family.platform.map((each) => [...only, ...isTo(family, each), DROP]),
    masquerade: [...only, ...leaves(family, network), MASQUERADE],
  };
}

function familiesOf({ ipv4, ipv6 }: PodNetwork): readonly FamilyRules[] {
  if (ipv6 === undefined) return [rulesOfFamily(IPV4, ipv4, [])];
  return [rulesOfFamily(IPV4, ipv4, isOf(IPV4)), rulesOfFamily(IPV6, ipv6, isOf(IPV6))];
}

function rulesOf(
  network: PodNetwork,
  { parts, perSecond }: Limits,
): {
  prerouting: Attribute[][];
  forward: Attribute[][];
  postrouting: Attribute[][];
} {
  const { bridge } = network;
  const families = familiesOf(network);
  const begins = [loadMeta(META.inputName), equals(linkName(bridge)), ...beginsConnection()];
  return {
    // All pods together: with addresses that it forges, one can pass for any number.
    prerouting: [
      [...begins, isFasterThan(perSecond), DROP],
      [...begins, loadPart(parts), countsOver(CONNECTIONS, PART), DROP],
    ],
    forward: [
      // By link and not by address, which a pod can forge.
      [loadMeta(META.inputName), differs(linkName(bridge)), ACCEPT],
      // Some platforms have their resolver at the same address. Other fragments of a packet have no port, and fall
      // through to the rules that drop.
      ...Object.values(PROTOCOLS).map((protocol) => [
        loadMeta(META.protocol),
        equals(Uint8Array.of(protocol)),
        load(FIELD.destinationPort, 2),
        equals(u16(DNS)),
        ACCEPT,
      ]),
      ...families.flatMap(({ platform }) => platform),
    ],
    postrouting: families.map(({ masquerade }) => masquerade),
  };
}

const chainIn =
  (request: Requests, table: Uint8Array) =>
  (
    name: string,
    kind: string,
    { hook, priority }: typeof PREROUTING | typeof FORWARD | typeof POSTROUTING,
  ): Request =>
    request(
      REQUEST.newChain,
      NLM_F.create,
      [1, table],
      [3, text(name)],
      nested(4, [1, u32(hook)], [2, u32(priority)]),
      [7, text(kind)],
    );

const ruleIn =
  (request: Requests, table: Uint8Array) =>
  (chain: string) =>
  (expressions: readonly Attribute[]): Request =>
    request(
      REQUEST.newRule,
      NLM_F.create | NLM_F_APPEND,
      [1, table],
      [2, text(chain)],
      nested(4, ...expressions),
    );

/**
 * Returns one nf_tables transaction that leaves exactly this table in the kernel, whatever was in it before, and the
 * sequence number of the last request that the kernel acknowledges:
 *
 *     table inet <table> {
 *       set connections { type mark; size <2 × parts>; flags dynamic; }
 *       chain prerouting { type filter hook prerouting priority filter;
 *         iifname <bridge> ct status ! confirmed limit rate over <n>/second burst <n> packets drop
 *         iifname <bridge> ct status ! confirmed add @connections { symhash mod <parts> ct count over 128 } drop }
 *       chain forward { type filter hook forward priority filter;
 *         iifname != <bridge> accept; tcp dport 53 accept; udp dport 53 accept; ip daddr <platform> drop … }
 *       chain postrouting { type nat hook postrouting priority srcnat;
 *         ip saddr <ipv4> ip daddr != <ipv4> masquerade; ip6 saddr <ipv6> ip6 daddr != <ipv6> masquerade } }
 *
 * Without IPv6 it is `table ip`, since `inet` needs the code of both. The bridge plugin's `ipMasq` does the last chain
 * through the program `nft`.
 */
export function podRules(
  table: string,
  network: PodNetwork,
  connections: ConnectionTable,
): { batch: Uint8Array; last: number } {
  const name = text(table);
  const limits = limitsOf(connections);
  const request = requestsFor(network);
  const chain = chainIn(request, name);
  const rule = ruleIn(request, name);
  const { prerouting, forward, postrouting } = rulesOf(network, limits);
  const requests: readonly Request[] = [
    { type: BATCH.begin, flags: 0, payload: payload(0, SUBSYSTEM) },
    request(REQUEST.newTable, NLM_F.create, [1, name]),
    request(REQUEST.deleteTable, 0, [1, name]),
    request(REQUEST.newTable, NLM_F.create, [1, name]),
    // The kernel removes elements that count nothing a little later, and passes what finds no room.
    request(
      REQUEST.newSet,
      NLM_F.create,
      [1, name],
      [2, text(CONNECTIONS)],
      [3, u32(NFT_SET_EVAL)],
      [4, u32(TYPE_MARK)],
      [5, u32(4)],
      nested(9, [1, u32(2 * limits.parts)]),
      [10, u32(1)],
    ),
    chain('prerouting', 'filter', PREROUTING),
    ...prerouting.map(rule('prerouting')),
    chain('forward', 'filter', FORWARD),
    ...forward.map(rule('forward')),
    chain('postrouting', 'nat', POSTROUTING),
    ...postrouting.map(rule('postrouting')),
    { type: BATCH.end, flags: 0, payload: payload(0, SUBSYSTEM) },
  ];
  const messages = requests.map((item, index) =>
    encodeMessage({
      ...item,
      flags: item.flags | NLM_F.request | (item.type === BATCH.end ? 0 : NLM_F.ack),
      sequence: index + 1,
    }),
  );
  return {
    batch: new Uint8Array(messages.flatMap((message) => [...message])),
    last: requests.length - 1,
  };
}

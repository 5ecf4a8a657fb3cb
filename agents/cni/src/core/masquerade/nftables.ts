import { ByteWriter } from '@kios/bytes';
import { encodeMessage, nest, NLM_F } from '@kios/netlink/message';

/** NETLINK_NETFILTER. */
export const NETFILTER = 12;

const SUBSYSTEM = 10;
const BATCH = { begin: 0x10, end: 0x11 } as const;
const REQUEST = { newTable: 0, deleteTable: 2, newChain: 3, newRule: 6 } as const;
const NLM_F_APPEND = 0x800;
const NESTED = 0x8000;
const AF_INET = 2;

/** NF_INET_POST_ROUTING, and the hook priority of source NAT. */
const POSTROUTING = 4;
const SOURCE_NAT = 100;
/** Offsets of the addresses in the IPv4 header; their first two bytes decide a /16. */
const OFFSET = { source: 12, destination: 16 } as const;

type Attribute = readonly [type: number, value: Uint8Array];

/** A number in network byte order, as nf_tables has them. */
const u32 = (value: number): Uint8Array => new ByteWriter(4).u32(value).finish();
const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`);
const nested = (type: number, ...inner: readonly Attribute[]): Attribute => [
  type | NESTED,
  nest(...inner),
];

/** Returns a `struct nfgenmsg` followed by attributes. */
function payload(
  family: number,
  resource: number,
  ...attributes: readonly Attribute[]
): Uint8Array {
  const head = new ByteWriter(4).u8(family).u8(0).u16(resource).finish();
  return new Uint8Array([...head, ...nest(...attributes)]);
}

const expression = (name: string, ...data: readonly Attribute[]): Attribute =>
  nested(1, [1, text(name)], nested(2, ...data));

/** An expression that loads two bytes of the network header into register 1. */
const load = (offset: number): Attribute =>
  expression('payload', [1, u32(1)], [2, u32(1)], [3, u32(offset)], [4, u32(2)]);

/** An expression that lets the rule go on when register 1 equals (0) or differs from (1) these bytes. */
const compare = (operation: 0 | 1, bytes: Uint8Array): Attribute =>
  expression('cmp', [1, u32(1)], [2, u32(operation)], nested(3, [1, bytes]));

interface Request {
  readonly type: number;
  readonly flags: number;
  readonly payload: Uint8Array;
}

const request = (kind: number, flags: number, ...attributes: readonly Attribute[]): Request => ({
  type: (SUBSYSTEM << 8) | kind,
  flags,
  payload: payload(AF_INET, 0, ...attributes),
});

/** Sequence number of the last request in `masquerade` that the kernel acknowledges. */
export const LAST_SEQUENCE = 6;

/**
 * Returns one nf_tables transaction that leaves exactly this table in the kernel, whatever was in it before:
 *
 *     table ip <table> { chain postrouting { type nat hook postrouting priority srcnat;
 *       ip saddr <a.b>.0.0/16 ip daddr != <a.b>.0.0/16 masquerade } }
 *
 * The bridge plugin's `ipMasq` does the same through the program `nft`.
 */
export function masquerade(table: string, network: readonly [a: number, b: number]): Uint8Array {
  const name = text(table);
  const chain = text('postrouting');
  const bytes = Uint8Array.from(network);
  const hook = nested(4, [1, u32(POSTROUTING)], [2, u32(SOURCE_NAT)]);
  const rule = nested(
    4,
    load(OFFSET.source),
    compare(0, bytes),
    load(OFFSET.destination),
    compare(1, bytes),
    expression('masq'),
  );
  const requests: readonly Request[] = [
    { type: BATCH.begin, flags: 0, payload: payload(0, SUBSYSTEM) },
    request(REQUEST.newTable, NLM_F.create, [1, name]),
    request(REQUEST.deleteTable, 0, [1, name]),
    request(REQUEST.newTable, NLM_F.create, [1, name]),
    request(REQUEST.newChain, NLM_F.create, [1, name], [3, chain], hook, [7, text('nat')]),
    request(REQUEST.newRule, NLM_F.create | NLM_F_APPEND, [1, name], [2, chain], rule),
    { type: BATCH.end, flags: 0, payload: payload(0, SUBSYSTEM) },
  ];
  const messages = requests.map((item, index) =>
    encodeMessage({
      ...item,
      flags: item.flags | NLM_F.request | (item.type === BATCH.end ? 0 : NLM_F.ack),
      sequence: index + 1,
    }),
  );
  return new Uint8Array(messages.flatMap((message) => [...message]));
}

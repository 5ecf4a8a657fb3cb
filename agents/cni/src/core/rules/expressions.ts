import { ByteWriter } from '@kios/bytes';
import { nest } from '@kios/netlink/message';

/** An attribute of nf_tables' messages, with numbers in network byte order (linux/netfilter/nf_tables.h). */
export type Attribute = readonly [type: number, value: Uint8Array];

const NESTED = 0x8000;

export const u32 = (value: number): Uint8Array => new ByteWriter(4).u32(value).finish();
const u64 = (value: number): Uint8Array => new ByteWriter(8).u32(0).u32(value).finish();
export const text = (value: string): Uint8Array => new TextEncoder().encode(`${value}\0`);
export const nested = (type: number, ...inner: readonly Attribute[]): Attribute => [
  type | NESTED,
  nest(...inner),
];

const expression = (name: string, ...data: readonly Attribute[]): Attribute =>
  nested(1, [1, text(name)], nested(2, ...data));

const HEADER = { network: 1, transport: 2 } as const;

/** Offsets of fields, in bytes: the addresses of the two IP headers, and the destination port of TCP and UDP. */
export const FIELD = {
  source: [HEADER.network, 12],
  destination: [HEADER.network, 16],
  source6: [HEADER.network, 8],
  destination6: [HEADER.network, 24],
  destinationPort: [HEADER.transport, 2],
} as const;

/** An expression that loads the first `length` bytes of a field into register 1. */
export const load = (
  [header, offset]: (typeof FIELD)[keyof typeof FIELD],
  length: number,
): Attribute =>
  expression('payload', [1, u32(1)], [2, u32(header)], [3, u32(offset)], [4, u32(length)]);

/** Facts about a packet beside its headers: the name of the link it came in by, its family, its transport protocol. */
export const META = { inputName: 6, family: 15, protocol: 16 } as const;

/** An expression that loads a fact about the packet into register 1. */
export const loadMeta = (key: (typeof META)[keyof typeof META]): Attribute =>
  expression('meta', [1, u32(1)], [2, u32(key)]);

/** Expressions that let the rule go on for a connection that is not in the kernel's table yet (IPS_CONFIRMED). */
export const beginsConnection = (): Attribute[] => {
  const [confirmed, zero] = [Uint8Array.of(8, 0, 0, 0), new Uint8Array(4)]; // in the processor's byte order
  const register: Attribute[] = [
    [1, u32(1)],
    [2, u32(1)],
    [3, u32(4)],
  ];
  return [
    expression('ct', [1, u32(1)], [2, u32(2)]),
    expression('bitwise', ...register, nested(4, [1, confirmed]), nested(5, [1, zero])),
    equals(zero),
  ];
};

/** An expression that lets the rule go on for packets beyond so many a second. */
export const isFasterThan = (perSecond: number): Attribute =>
  expression(
    'limit',
    [1, u64(perSecond)],
    [2, u64(1)],
    [3, u32(perSecond)],
    [4, u32(0)],
    [5, u32(1)],
  );

/** An expression that loads a connection's part, one of so many, into register 1. The kernel chooses it by a secret. */
export const loadPart = (parts: number): Attribute =>
  expression('hash', [2, u32(1)], [4, u32(parts)], [7, u32(1)]);

/** An expression that lets the rule go on when the set's element of register 1 counts more connections than this. */
export const countsOver = (set: string, connections: number): Attribute =>
  expression(
    'dynset',
    [1, text(set)],
    [3, u32(0)],
    [4, u32(1)],
    nested(7, [1, text('connlimit')], nested(2, [1, u32(connections)], [2, u32(1)])),
  );

const compare = (operation: number, bytes: Uint8Array): Attribute =>
  expression('cmp', [1, u32(1)], [2, u32(operation)], nested(3, [1, bytes]));

/** An expression that lets the rule go on when register 1 begins with these bytes. */
export const equals = (bytes: Uint8Array): Attribute => compare(0, bytes);
/** An expression that lets the rule go on when register 1 begins with other bytes. */
export const differs = (bytes: Uint8Array): Attribute => compare(1, bytes);

/** An expression that ends the packet's way through this chain. */
const verdict = (code: number): Attribute =>
  expression('immediate', [1, u32(0)], nested(2, nested(2, [1, u32(code)])));

export const DROP = verdict(0);
export const ACCEPT = verdict(1);
export const MASQUERADE = expression('masq');

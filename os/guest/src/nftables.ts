import { NLM_F, nest } from '@kios/netlink/message';

import { type Attribute, be16, be32, CREATE, NETLINK, type Order, talk, text } from './netlink.ts';

const SUBSYSTEM = 10;
const BATCH = { begin: 16, end: 17 } as const;
export const NFT = { newTable: 0, newChain: 3, newRule: 6, newSet: 9 } as const;
export const AF_INET = 2;

export const header = (family: number, resource = 0): Uint8Array =>
  Buffer.concat([Uint8Array.of(family, 0), be16(resource)]);

export const nft = (message: number, ...attributes: readonly Attribute[]): Order => ({
  type: (SUBSYSTEM << 8) | message,
  flags: CREATE | NLM_F.ack,
  payload: Buffer.concat([header(AF_INET), nest(...attributes)]),
});

/** Sends orders as one transaction. */
export function transact(...orders: readonly Order[]): void {
  const payload = header(0, SUBSYSTEM);
  talk(NETLINK.netfilter, [
    { type: BATCH.begin, payload },
    ...orders,
    { type: BATCH.end, payload },
  ]);
}

/** One step of a rule. */
export type Expression = readonly [name: string, attributes: Uint8Array];

export const expression = ([name, attributes]: Expression): Attribute => [
  1,
  nest([1, text(name)], [2, attributes]),
];

export const intoRegister = (name: string, ...attributes: readonly Attribute[]): Expression => [
  name,
  nest([1, be32(1)], ...attributes),
];

import * as v from 'valibot';

import { TYPE_NAMES } from './wire.ts';

const Type = v.picklist(TYPE_NAMES);

const Reply = v.strictObject({
  type: Type,
  yiaddr: v.optional(v.string()),
  siaddr: v.optional(v.string()),
  /** Another client's. */
  chaddr: v.optional(v.string()),
  xidOffset: v.optional(v.number()),
  /** Without option 53, as BOOTP has it. */
  noType: v.optional(v.boolean()),
  /** To everybody even when the client has an address. */
  broadcast: v.optional(v.boolean()),
  /** Code and value in hexadecimal; in the packet in this order. */
  options: v.array(v.tuple([v.number(), v.string()])),
});
export type Reply = Readonly<v.InferOutput<typeof Reply>>;

const Rule = v.strictObject({
  /** What the log calls it; its number when absent. */
  name: v.optional(v.string()),
  on: Type,
  when: v.optional(
    v.strictObject({
      /** Codes in the list of requested parameters. */
      asks: v.optional(v.number()),
      asksNot: v.optional(v.number()),
      /** Options in the message. */
      has: v.optional(v.number()),
      hasNot: v.optional(v.number()),
      /** Whether the client has its address already and wants to keep it. */
      extending: v.optional(v.boolean()),
    }),
  ),
  /** How often it applies; always when absent. */
  times: v.optional(v.number()),
  reply: v.array(Reply),
});
export type Rule = Readonly<v.InferOutput<typeof Rule>>;

export const parseRules = (text: string): Rule[] => v.parse(v.array(Rule), JSON.parse(text));

import * as v from 'valibot';

import { TYPE_NAMES } from './wire.ts';

const Type = v.picklist(TYPE_NAMES);

const Reply = v.strictObject({
  type: Type,
  yiaddr: v.optional(v.string()),
  siaddr: v.optional(v.string()),
  /** Hardware address of the client; copied from the message when absent. */
  chaddr: v.optional(v.string()),
  xidOffset: v.optional(v.number()),
  /** Whether option 53 is left out, as in BOOTP. */
  noType: v.optional(v.boolean()),
  /** Whether it is broadcast even when the client has an address. */
  broadcast: v.optional(v.boolean()),
  /** Codes and values in hexadecimal, in the packet's order. */
  options: v.array(v.tuple([v.number(), v.string()])),
});
export type Reply = Readonly<v.InferOutput<typeof Reply>>;

const Rule = v.strictObject({
  /** Name in the log; the rule's number when absent. */
  name: v.optional(v.string()),
  on: Type,
  when: v.optional(
    v.strictObject({
      /** Code that the parameter request list contains, or (`asksNot`) does not contain. */
      asks: v.optional(v.number()),
      asksNot: v.optional(v.number()),
      /** Option that the message contains, or (`hasNot`) does not contain. */
      has: v.optional(v.number()),
      hasNot: v.optional(v.number()),
      /** Whether the client already has its address and extends the lease. */
      extending: v.optional(v.boolean()),
    }),
  ),
  /** Number of messages that it applies to; unlimited when absent. */
  times: v.optional(v.number()),
  reply: v.array(Reply),
});
export type Rule = Readonly<v.InferOutput<typeof Rule>>;

export const parseRules = (text: string): Rule[] => v.parse(v.array(Rule), JSON.parse(text));

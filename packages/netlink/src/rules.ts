import { openNetlink } from '@kios/syscall';

import { Conversation, notifications } from './conversation.ts';
import { AF, type Family } from './family.ts';
import { NLM_F } from './message.ts';
import { decodeRule, encodeRule, type Rule } from './rule.ts';

export type { Rule } from './rule.ts';

const NETLINK_ROUTE = 0;
const RTM = { newRule: 32, deleteRule: 33, getRule: 34 } as const;
/** Multicast groups of both families. */
const GROUPS = [8, 19];
/** Bytes of `struct fib_rule_hdr` behind the family. */
const HEADER_REST = 11;

/** The policy rules of this network namespace. */
export interface Rules extends Disposable {
  /** Lists all rules that choose a table, whoever made them. Fails with EAFNOSUPPORT in a kernel without the family. */
  list(family: Family): Promise<Rule[]>;
  /** Fails with EEXIST if there is an equal one of the same maker. */
  add(rule: Rule): Promise<void>;
  delete(rule: Rule): Promise<void>;
  /** Yields when rules have changed. The subscription exists when this returns, so a later list misses nothing. */
  changes(signal: AbortSignal): AsyncIterable<void>;
}

/** Opens rtnetlink for policy rules. Changes need CAP_NET_ADMIN. */
export function openRules(): Rules {
  const conversation = new Conversation(openNetlink(NETLINK_ROUTE, []));
  return {
    async list(family) {
      const header = Uint8Array.of(AF[family], ...Array<number>(HEADER_REST).fill(0));
      const messages = await conversation.dump(RTM.getRule, header, `list rules of ${family}`);
      return messages
        .map(({ payload }) => decodeRule(payload))
        .filter((rule) => rule?.family === family)
        .filter((rule) => rule !== undefined);
    },
    add: (rule) =>
      conversation.execute(
        RTM.newRule,
        NLM_F.create | NLM_F.exclusive,
        encodeRule(rule),
        `add rule ${describeRule(rule)}`,
      ),
    delete: (rule) =>
      conversation.execute(
        RTM.deleteRule,
        0,
        encodeRule(rule),
        `delete rule ${describeRule(rule)}`,
      ),
    changes: (signal) => follow(openNetlink(NETLINK_ROUTE, GROUPS), signal),
    [Symbol.dispose]: () => conversation.close(),
  };
}

async function* follow(
  channel: ReturnType<typeof openNetlink>,
  signal: AbortSignal,
): AsyncGenerator<void> {
  using open = channel;
  for await (const _ of notifications(open, signal)) yield;
}

/** Returns the rule in the words of ip-rule(8). */
export function describeRule({ from, to, table, priority, mark, typeOfService }: Rule): string {
  const words = [
    ['priority', priority],
    ['from', from],
    ['to', to],
    ['fwmark', mark],
    ['tos', typeOfService],
    ['table', table],
  ].flatMap(([word, value]) => (value === undefined ? [] : [`${word} ${value}`]));
  return words.join(' ');
}

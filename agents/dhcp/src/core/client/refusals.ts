import { serverIdOf, serverOf } from '../lease/lease.ts';
import { OPTIONS } from '../wire/options.ts';
import { type Effect, type Memory, type Offer, type Policy, report, type State } from './model.ts';
import type { Reply } from './replies.ts';

/** The wait for the lease's server after another one has refused. */
export const REFUSAL_WAIT = 1000;
/** The most of a server's explanation that is logged. */
const MAX_TEXT = 200;

/** Returns whether the reply is of the server that was asked. One that names itself nowhere is known by its sender. */
export function isAsked({ reply: asked }: Offer, reply: Reply): boolean {
  const [wanted, id] = [serverIdOf(asked.message), serverIdOf(reply.message)];
  return wanted !== undefined && id !== undefined ? id === wanted : reply.source === asked.source;
}

/** Returns whether the reply is not of the server that holds the lease. Where that is unknown, each may be the one. */
export const isStranger = ({ network }: Memory, reply: Reply): boolean =>
  network.server !== undefined && serverOf(reply.message, reply.source) !== network.server;

/** Returns the memory after a refusal. One that does not count, a stranger's, makes no later wait grow. */
export function noteRefusal(
  { tag }: State,
  memory: Memory,
  reply: Reply,
  policy: Policy,
  counts: boolean,
): readonly [memory: Memory, effects: readonly Effect[]] {
  const message = reply.message.options.get(OPTIONS.message)?.slice(0, MAX_TEXT);
  const said = report('warn', 'nak', { from: reply.source, state: tag, message });
  // The server says the address is not ours. Under `keep` it is given up only for another one: removing a link's last
  // address flushes every route of the link, also those of others.
  const dropped = policy.onExpire === 'drop' ? memory.held : undefined;
  const gone: Effect[] = dropped === undefined ? [] : [{ tag: 'unbind', held: dropped }];
  const next: Memory = {
    ...memory,
    held: dropped === undefined ? memory.held : undefined,
    // Asking for the old address again is harmless: the refusing server may simply not know it.
    hint: memory.nakCount === 0 ? memory.hint : undefined,
    nakCount: memory.nakCount + (counts ? 1 : 0),
  };
  return [next, [said, ...gone]];
}

import { duidOfMac, iaidOfMac } from '../../src/core/v6/client/identity.ts';
import { step6, wakeTime6 } from '../../src/core/v6/client/machine.ts';
import type { Effect6, Event6, Input6, Policy6, State6 } from '../../src/core/v6/client/model.ts';
import { acceptReply6 } from '../../src/core/v6/client/replies.ts';
import type { IaNa } from '../../src/core/v6/wire/identity-association.ts';
import { type Message6, TYPE6 } from '../../src/core/v6/wire/message.ts';
import { entry6, OptionList, type RawOption } from '../../src/core/v6/wire/option-list.ts';
import { OPTIONS6 } from '../../src/core/v6/wire/options.ts';
import { MAC } from './fixtures.ts';

export const ADDRESS6 = '2001:db8::5';
export const SERVER_DUID = duidOfMac('02:00:00:00:00:53');
export const OTHER_DUID = duidOfMac('02:00:00:00:00:66');
export const POLICY6: Policy6 = {
  identity: { duid: duidOfMac(MAC), iaid: iaidOfMac(MAC) },
  rapidCommit: false,
};

/** An IA with one address for an hour. */
export function ia(fields: Partial<IaNa> = {}): IaNa {
  const address = { address: ADDRESS6, preferredSeconds: 1800, validSeconds: 3600 };
  const { iaid } = POLICY6.identity;
  return { iaid, t1Seconds: 900, t2Seconds: 1440, addresses: [address], ...fields };
}

export interface Answer {
  readonly ia?: IaNa | undefined;
  readonly server?: Uint8Array;
  readonly options?: readonly RawOption[];
  readonly transactionId?: number;
}

/** A server's message as an input. */
export function answer(type: 'advertise' | 'reply', fields: Answer = {}): Input6 {
  const association = 'ia' in fields ? fields.ia : ia();
  const message: Message6 = {
    type: TYPE6[type],
    transactionId: fields.transactionId ?? 1,
    options: new OptionList([
      entry6(OPTIONS6.clientId, POLICY6.identity.duid),
      entry6(OPTIONS6.serverId, fields.server ?? SERVER_DUID),
      ...(association === undefined ? [] : [entry6(OPTIONS6.iaNa, association)]),
      ...(fields.options ?? []),
    ]),
  };
  return { tag: 'reply', message: acceptReply6(POLICY6.identity, message) };
}

export const at6 = (now: number, input: Input6, random = 0.5): Event6 => ({
  ...input,
  now,
  transactionId: 1,
  random,
});

export type Played6 = readonly [state: State6, effects: readonly Effect6[]];

/** Runs events in order. Returns the last state and the effects of the last event. */
export function play6(
  start: State6,
  events: readonly (readonly [now: number, input: Input6])[],
  policy = POLICY6,
): Played6 {
  let last: Played6 = [start, []];
  for (const [now, input] of events) last = step6(last[0], at6(now, input), policy);
  return last;
}

/** The types of messages with their times, until `limit`, when no server replies. */
export function silence6(
  start: State6,
  limit: number,
  random = 0.5,
): [state: State6, sent: (readonly [now: number, type: number])[]] {
  const sent: (readonly [number, number])[] = [];
  let state = start;
  for (let wake = wakeTime6(state); wake !== undefined && wake <= limit; wake = wakeTime6(state)) {
    const [next, effects] = step6(state, at6(wake, { tag: 'timer' }, random), POLICY6);
    for (const each of effects) if (each.tag === 'send') sent.push([wake, each.message.type]);
    // A timer that changes nothing would come for ever.
    if (next === state) throw new Error(`stuck in ${state.tag} at ${wake}`);
    state = next;
  }
  return [state, sent];
}

export function sent6(effects: readonly Effect6[]): Message6 {
  const send = effects.find((effect) => effect.tag === 'send');
  if (send === undefined) throw new Error('nothing sent');
  return send.message;
}

export const tags6 = (effects: readonly Effect6[]): string[] =>
  effects.map((effect) => (effect.tag === 'report' ? effect.ev : effect.tag));

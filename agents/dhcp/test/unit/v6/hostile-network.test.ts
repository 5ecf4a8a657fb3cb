import { Random } from '@kios/bytes/testing';
import { describe, expect, it } from 'vitest';

import { step6, wakeTime6 } from '../../../src/core/v6/client/machine.ts';
import {
  type Effect6,
  type Input6,
  isExchanging,
  type State6,
} from '../../../src/core/v6/client/model.ts';
import { begin6 } from '../../../src/core/v6/client/start.ts';
import { RETRANSMISSION } from '../../../src/core/v6/client/timing.ts';
import { STATUS } from '../../../src/core/v6/wire/codec.ts';
import type { IaNa } from '../../../src/core/v6/wire/identity-association.ts';
import { TYPE6 } from '../../../src/core/v6/wire/message.ts';
import { entry6 } from '../../../src/core/v6/wire/option-list.ts';
import { OPTIONS6 } from '../../../src/core/v6/wire/options.ts';
import { checkStep } from '../../support/fuzz/invariants6.ts';
import { type Answer, answer, ia, OTHER_DUID, POLICY6, SERVER_DUID } from '../../support/v6.ts';

const POLICY = { ...POLICY6, rapidCommit: true };
const LIFETIMES = [0, 1, 30, 59, 60, 61, 3600, 86_400, 0xffff_fffe, 0xffff_ffff];
const ADDRESSES = ['2001:db8::5', '2001:db8::6', '2001:db8::7', 'fe80::5', 'ff02::5', '::1'];

function anyAssociation(random: Random): IaNa {
  const addresses = Array.from({ length: random.below(4) }, () => ({
    address: random.pick(ADDRESSES),
    preferredSeconds: random.pick(LIFETIMES),
    validSeconds: random.pick(LIFETIMES),
  }));
  const status = random.next() < 0.3 ? { status: { code: random.below(7), message: '' } } : {};
  const iaid = random.next() < 0.95 ? POLICY.identity.iaid : 7;
  const [t1Seconds, t2Seconds] = [random.pick(LIFETIMES), random.pick(LIFETIMES)];
  return ia({ iaid, t1Seconds, t2Seconds, addresses, ...status });
}

function anyAnswer(random: Random, transactionId: number): Input6 {
  const fields: Answer = {
    transactionId: random.next() < 0.95 ? transactionId : random.below(0x100_0000),
    ia: random.next() < 0.9 ? anyAssociation(random) : undefined,
    server: random.pick([SERVER_DUID, SERVER_DUID, OTHER_DUID]),
    options: [
      ...(random.next() < 0.2 ? [entry6(OPTIONS6.rapidCommit, true as const)] : []),
      ...(random.next() < 0.3 ? [entry6(OPTIONS6.preference, random.pick([0, 1, 255]))] : []),
      ...(random.next() < 0.2
        ? [entry6(OPTIONS6.statusCode, { code: random.below(7), message: '' })]
        : []),
      ...(random.next() < 0.1 ? [entry6(OPTIONS6.solMaxRt, random.pick(LIFETIMES))] : []),
      ...(random.next() < 0.1 ? [entry6(OPTIONS6.infMaxRt, random.pick(LIFETIMES))] : []),
      ...(random.next() < 0.2
        ? [entry6(OPTIONS6.informationRefreshTime, random.pick(LIFETIMES))]
        : []),
    ],
  };
  return answer(random.pick(['advertise', 'reply', 'reply']), fields);
}

function anyInput(state: State6, random: Random): Input6 {
  const turn = random.next();
  if (turn < 0.35) return { tag: 'timer' };
  if (turn < 0.9) {
    return anyAnswer(random, isExchanging(state) ? state.exchange.transactionId : 1);
  }
  if (turn < 0.93) return { tag: 'carrier', up: random.next() < 0.7 };
  if (turn < 0.96) return { tag: 'mode', mode: random.pick(['off', 'stateless', 'stateful']) };
  if (turn < 0.99) return { tag: 'duplicate', address: random.pick(ADDRESSES) };
  return { tag: 'release' };
}

/** The addresses in the kernel, as the effects so far left them. */
function carryOut(effects: readonly Effect6[], before: readonly string[]): readonly string[] {
  return effects.reduce<readonly string[]>((addresses, effect) => {
    if (effect.tag === 'bind') return effect.lease.addresses.map(({ address }) => address);
    return effect.tag === 'unbind' ? [] : addresses;
  }, before);
}

const SOONEST = 0.9;

/** The same message again must not come before its table allows it. */
function isTooSoon(before: State6, after: State6, gap: number): boolean {
  if (!isExchanging(before) || !isExchanging(after)) return false;
  const again =
    before.tag === after.tag &&
    before.exchange.transactionId === after.exchange.transactionId &&
    after.exchange.attempt > before.exchange.attempt;
  return again && gap < RETRANSMISSION[after.tag].initial * SOONEST;
}

const BEGINNING: readonly Input6[] = [
  { tag: 'carrier', up: true },
  { tag: 'mode', mode: 'stateful' },
];

/** Lets a client live through random events. Returns the states that it was in. */
function live(seed: number): Set<State6['tag']> {
  const random = new Random(seed);
  const seen = new Set<State6['tag']>();
  let state = begin6(undefined);
  let kernel: readonly string[] = [];
  let now = 0;
  let lastSent = 0;
  for (let event = 0; event < 2000; event += 1) {
    const wake = wakeTime6(state) ?? Infinity;
    const input = BEGINNING[event] ?? anyInput(state, random);
    // What comes before a timer never makes it late.
    const later = Math.min(now + random.below(3000), wake);
    now = Math.max(now, input.tag === 'timer' && wake !== Infinity ? wake : later);
    const entropy = { transactionId: random.below(0x100_0000), random: random.next() };
    const [next, effects] = step6(state, { ...input, now, ...entropy }, POLICY);
    checkStep(next, effects, now);
    expect(isTooSoon(state, next, now - lastSent)).toBe(false);
    if (effects.some(({ tag }) => tag === 'send')) lastSent = now;
    kernel = carryOut(effects, kernel);
    expect(kernel).toEqual(next.memory.lease?.addresses.map(({ address }) => address) ?? []);
    state = next;
    seen.add(state.tag);
  }
  return seen;
}

describe('a client in any network', () => {
  it('keeps its rules through any events', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      try {
        for (const tag of live(seed)) seen.add(tag);
      } catch (cause) {
        throw new Error(`seed ${seed}`, { cause });
      }
    }
    const all = [...Object.keys(RETRANSMISSION), 'resting', 'bound', 'informed'];
    expect([...seen].toSorted()).toEqual(all.toSorted());
  });
});

/** A hostile network's reply to one effect of the client. */
type Attacker = (effect: Effect6) => Input6 | undefined;

interface Done {
  readonly minute: number;
  readonly tag: Effect6['tag'];
}

const MOST_EFFECTS = 100_000;

/** The most messages and writes of a client in any one minute of an hour in a hostile network. */
function besiege(attacker: Attacker): { messages: number; writes: number } {
  const done: Done[] = [];
  const queue = [...BEGINNING];
  let state = begin6(undefined);
  for (let now = 0; now < 3_600_000;) {
    const input = queue.shift() ?? { tag: 'timer' };
    const [next, effects] = step6(state, { ...input, now, transactionId: 1, random: 0.5 }, POLICY);
    state = next;
    if (done.length > MOST_EFFECTS) throw new Error(`busy in ${state.tag} at ${now}`);
    done.push(...effects.map(({ tag }) => ({ minute: Math.floor(now / 60_000), tag })));
    queue.push(...effects.flatMap((effect) => attacker(effect) ?? []));
    now = Math.max(now + 1, queue.length > 0 ? 0 : (wakeTime6(state) ?? Infinity));
  }
  return { messages: most(done, ['send']), writes: most(done, ['bind', 'unbind']) };
}

function most(done: readonly Done[], tags: readonly Effect6['tag'][]): number {
  const minutes = done.filter(({ tag }) => tags.includes(tag)).map(({ minute }) => minute);
  const counts = new Map<number, number>();
  for (const minute of minutes) counts.set(minute, (counts.get(minute) ?? 0) + 1);
  return Math.max(...counts.values());
}

const lasting = (preferredSeconds: number, validSeconds: number): IaNa =>
  ia({
    t1Seconds: 1,
    t2Seconds: 2,
    addresses: [{ address: '2001:db8::5', preferredSeconds, validSeconds }],
  });
const best = [entry6(OPTIONS6.preference, 255)];

const refusing = (code: number): IaNa => ia({ addresses: [], status: { code, message: '' } });

/** Offers at once, and replies to each other message with what the function returns. */
const granting =
  (grant: (type: number) => IaNa): Attacker =>
  (effect) => {
    if (effect.tag !== 'send') return undefined;
    const { type } = effect.message;
    return type === TYPE6.solicit
      ? answer('advertise', { options: best })
      : answer('reply', { ia: grant(type) });
  };

/** Offers another address each time, each of which a neighbour has. */
function everywhere(): Attacker {
  let turn = 0;
  return (effect) => {
    if (effect.tag === 'bind') {
      return { tag: 'duplicate', address: effect.lease.addresses[0]?.address ?? '' };
    }
    if (effect.tag !== 'send') return undefined;
    turn += 1;
    const address = `2001:db8::1:${turn.toString(16)}`;
    const offered = ia({ addresses: [{ address, preferredSeconds: 1800, validSeconds: 3600 }] });
    const kind = effect.message.type === TYPE6.solicit ? 'advertise' : 'reply';
    return answer(kind, { ia: offered, options: best });
  };
}

const first = (grant: IaNa, later: IaNa): Attacker =>
  granting((type) => (type === TYPE6.request ? grant : later));

const ATTACKS: readonly (readonly [name: string, attacker: Attacker])[] = [
  ['a lease of a second', granting(() => lasting(1, 1))],
  ['renewal times of seconds', granting(() => lasting(1800, 3600))],
  ['addresses that are withdrawn at each renewal', first(lasting(60, 60), lasting(0, 0))],
  ['renewals that leave a second', first(lasting(60, 60), lasting(1, 1))],
  ['offers, and a refusal of each request', granting(() => refusing(STATUS.noAddrsAvail))],
  ['no binding, ever', first(lasting(1800, 3600), refusing(STATUS.noBinding))],
  ['a neighbour that has every address', everywhere()],
];

describe('in a hostile network', () => {
  it.each(ATTACKS)('%s makes the node do little in a minute', (_name, attacker) => {
    const { messages, writes } = besiege(attacker);
    expect(messages).toBeGreaterThan(2);
    expect(messages).toBeLessThanOrEqual(25);
    expect(writes).toBeLessThanOrEqual(12);
  });
});

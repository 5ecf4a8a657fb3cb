import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { step, wakeTime } from '../../src/core/client/machine.ts';
import type { Effect, Input, Policy, State } from '../../src/core/client/model.ts';
import { expiryOf, type BoundLease, UNKNOWN_NETWORK } from '../../src/core/client/model.ts';
import { adopt, begin } from '../../src/core/client/start.ts';
import { entry, OPTIONS, TYPE } from '../../src/core/wire/options.ts';
import {
  ADDRESS,
  at,
  claim,
  DROP,
  GATEWAY_MAC,
  GRANT,
  KEEP,
  reply,
  sent,
  SERVER,
  tags,
} from '../support/fixtures.ts';
import { letPass, play as playWith, type Played } from '../support/play.ts';

const MINUTE = 60_000;
/** When the carrier comes. */
const LATER = 10 * MINUTE;
const UP: Input = { tag: 'carrier', up: true };
const DOWN: Input = { tag: 'carrier', up: false };
const TIMER: Input = { tag: 'timer' };

const play = (
  start: State,
  events: Parameters<typeof playWith>[1],
  policy: Policy = KEEP,
): Played => playWith(start, events, policy);

/** Seconds between the messages on a silent network. */
function gapsFrom(start: State, since: number): number[] {
  const gaps: number[] = [];
  let [state, now] = [start, since];
  while (gaps.length < 6) {
    const wake = wakeTime(state) ?? Infinity;
    gaps.push((wake - now) / 1000);
    now = wake;
    [state] = step(state, at(now, TIMER), DROP);
  }
  return gaps;
}

const bound = (policy: Policy = KEEP): State =>
  play(
    begin(undefined),
    [
      [LATER, UP],
      [LATER, reply('offer')],
      [LATER, reply('ack')],
    ],
    policy,
  )[0];
const T1 = LATER + 1800 * 1000;
const T2 = LATER + 3150 * 1000;
const EXPIRY = LATER + 3600 * 1000;

describe('a client without a lease', () => {
  it('stays silent without a carrier', () => {
    expect(wakeTime(begin(undefined))).toBeUndefined();
    expect(play(begin(undefined), [[LATER, TIMER]])[1]).toEqual([]);
  });

  it('discovers at once when the carrier comes', () => {
    const [state, effects] = play(begin(undefined), [[LATER, UP]]);
    expect(state.tag).toBe('selecting');
    expect(sent(effects).options.get(OPTIONS.messageType)).toBe(TYPE.discover);
  });

  it('asks an offering server, in the same exchange', () => {
    const [state, effects] = play(begin(undefined), [
      [LATER, UP],
      [LATER + 10, reply('offer')],
    ]);
    expect(state.tag).toBe('requesting');
    const request = sent(effects);
    expect(request).toMatchObject({ xid: 1, ciaddr: '0.0.0.0' });
    expect(request.options.get(OPTIONS.requestedAddress)).toBe(ADDRESS);
    expect(request.options.get(OPTIONS.serverId)).toBe('10.0.0.1');
  });

  it('an ack binds, counts the lease from the request and arms T1', () => {
    const [state, effects] = play(begin(undefined), [
      [LATER, UP],
      [LATER + 1000, reply('offer')],
      [LATER + 3000, reply('ack')],
    ]);
    expect(tags(effects)).toEqual(['bind']);
    expect(state).toMatchObject({ tag: 'bound', memory: { held: { since: LATER + 1000 } } });
    expect(wakeTime(state)).toBe(LATER + 1000 + 1800 * 1000);
  });

  it('takes an ack without an offer only if it is a rapid commit', () => {
    const [plain] = play(begin(undefined), [
      [LATER, UP],
      [LATER, reply('ack')],
    ]);
    expect(plain.tag).toBe('selecting');
    const committed = reply('ack', [...GRANT, entry(OPTIONS.rapidCommit, true)]);
    expect(
      play(begin(undefined), [
        [LATER, UP],
        [LATER, committed],
      ])[0].tag,
    ).toBe('bound');
  });

  it.each([
    ['of another exchange', reply('offer', GRANT, { xid: 99 })],
    ['that grants nothing usable', reply('offer', GRANT, { yiaddr: '127.0.0.1' })],
  ])('ignores an offer %s', (_name, offer) => {
    expect(
      play(begin(undefined), [
        [LATER, UP],
        [LATER, offer],
      ])[0].tag,
    ).toBe('selecting');
  });

  it('asks again after 1, 2, 4, 8, 16 s and so on on a link that has just come up', () => {
    expect(gapsFrom(play(begin(undefined), [[LATER, UP]])[0], LATER)).toEqual([1, 2, 4, 8, 16, 32]);
  });

  it('asks again after 4, 8, 16, 32 and then every 64 s on a link that has been up for long', () => {
    // A link of some age starts over when its lease expires.
    const [dropped] = letPass(bound(DROP), EXPIRY, DROP);
    expect(gapsFrom(dropped, EXPIRY)).toEqual([4, 8, 16, 32, 64, 64]);
  });

  it('starts over when an offering server falls silent', () => {
    const [state] = play(begin(undefined), [
      [LATER, UP],
      [LATER, reply('offer')],
    ]);
    const [after, effects] = letPass(state, LATER + 31_000, KEEP);
    expect(tags(effects).filter((tag) => tag === 'send')).toHaveLength(5);
    expect(after.tag).toBe('selecting');
  });
});

describe('a client that had an address', () => {
  it('asks for it at 0, 1 and 3 s, and discovers after 5 s', () => {
    const [state, effects] = play(begin(ADDRESS), [[LATER, UP]]);
    expect(sent(effects).options.get(OPTIONS.requestedAddress)).toBe(ADDRESS);
    expect(sent(effects).options.get(OPTIONS.serverId)).toBeUndefined();
    const [after, later] = letPass(state, LATER + 5000, KEEP);
    expect(tags(later)).toEqual(['send', 'send', 'send']);
    expect(after).toMatchObject({ tag: 'selecting', memory: { hint: ADDRESS } });
  });

  it('discovers at once after a refusal, and later with each further one', () => {
    const nak = reply('nak', [entry(OPTIONS.serverId, '10.0.0.1')]);
    const first = play(begin(ADDRESS), [
      [LATER, UP],
      [LATER, nak],
    ]);
    expect(first[0]).toMatchObject({ tag: 'selecting', memory: { hint: ADDRESS } });
    const second = play(first[0], [
      [LATER, reply('offer')],
      [LATER, nak],
    ]);
    expect(wakeTime(second[0])).toBe(LATER + 1000);
    const third = play(second[0], [
      [LATER + 1000, TIMER],
      [LATER + 1000, reply('offer')],
      [LATER + 1000, nak],
    ]);
    expect(wakeTime(third[0])).toBe(LATER + 3000);
  });
});

describe('a bound client', () => {
  it('asks its server by unicast at T1', () => {
    const [state, effects] = play(bound(), [[T1, TIMER]]);
    expect(state.tag).toBe('renewing');
    expect(effects).toMatchObject([{ tag: 'send', target: '10.0.0.1' }]);
    expect(sent(effects).ciaddr).toBe(ADDRESS);
  });

  it('asks by broadcast at T2', () => {
    const [state, effects] = play(bound(), [
      [T1, TIMER],
      [T2, TIMER],
    ]);
    expect(state.tag).toBe('rebinding');
    expect(effects).toMatchObject([{ tag: 'send', target: undefined }]);
  });

  it('asks again after half of the time left, at least a minute', () => {
    const [renewing] = play(bound(), [[T1, TIMER]]);
    expect(wakeTime(renewing)).toBe(T1 + (T2 - T1) / 2);
    const [late] = play(renewing, [[T2 - 70_000, TIMER]]);
    expect(wakeTime(late)).toBe(T2 - 10_000);
  });

  it('broadcasts within a second after T2, spread among nodes that lost the same server', () => {
    const [renewing] = play(bound(), [[T1, TIMER]]);
    const [late] = play(renewing, [[T2 - 30_000, TIMER]]);
    expect(wakeTime(late)).toBe(T2 + 500);
  });

  it('asks by broadcast at T1 when the server did not identify itself', () => {
    const anonymous = GRANT.filter(([code]) => code !== OPTIONS.serverId.code);
    const [asking] = play(begin(ADDRESS), [[LATER, UP]]);
    const ack = reply('ack', anonymous);
    if (ack.tag !== 'reply') throw new Error('not a reply');
    const [state] = step(
      asking,
      at(LATER, { tag: 'reply', reply: { ...ack.reply, source: '0.0.0.0' } }),
      KEEP,
    );
    expect(play(state, [[T1, TIMER]])[0].tag).toBe('rebinding');
  });

  it('a renewal extends the lease from the last request on', () => {
    const [state, effects] = play(bound(), [
      [T1, TIMER],
      [T1 + 500, reply('ack')],
    ]);
    expect(tags(effects)).toEqual(['bind']);
    expect(state).toMatchObject({ tag: 'bound', memory: { held: { since: T1 } } });
  });

  it('heeds only the refusal of its own server while renewing', () => {
    const stranger = reply('nak', [entry(OPTIONS.serverId, '10.0.0.66')]);
    const [kept, ignored] = play(bound(), [
      [T1, TIMER],
      [T1, stranger],
    ]);
    expect(kept.tag).toBe('renewing');
    expect(tags(ignored)).toEqual(['rx.drop']);
    const own = reply('nak', [entry(OPTIONS.serverId, '10.0.0.1')]);
    expect(
      play(bound(), [
        [T1, TIMER],
        [T1, own],
      ])[0].tag,
    ).toBe('selecting');
  });

  it('keeps a refused address until it has another, or drops it, as the policy says', () => {
    const own = reply('nak', [entry(OPTIONS.serverId, '10.0.0.1')]);
    expect(
      tags(
        play(bound(), [
          [T1, TIMER],
          [T1, own],
        ])[1],
      ),
    ).toEqual(['nak', 'send']);
    const dropped = play(
      bound(DROP),
      [
        [T1, TIMER],
        [T1, own],
      ],
      DROP,
    );
    expect(tags(dropped[1])).toEqual(['nak', 'unbind', 'send']);
  });

  it('keeps its address during a loss of carrier, then asks for it again', () => {
    const [away, nothing] = play(bound(), [[LATER + 1000, DOWN]]);
    expect(nothing).toEqual([]);
    const [back, effects] = play(away, [[LATER + 2000, UP]]);
    expect(back).toMatchObject({
      tag: 'rebooting',
      memory: { held: { lease: { address: ADDRESS } } },
    });
    expect(tags(effects)).toEqual(['repair', 'send']);
  });

  it('loses its address when the lease ends and the policy is to drop', () => {
    const [state, effects] = letPass(bound(DROP), EXPIRY, DROP);
    expect(state).toMatchObject({ tag: 'selecting', memory: { held: undefined, hint: ADDRESS } });
    expect(tags(effects).slice(-3)).toEqual(['lease.expired', 'unbind', 'send']);
  });

  it('loses it without a carrier too', () => {
    const [away] = play(bound(DROP), [[LATER + 1000, DOWN]], DROP);
    expect(wakeTime(away)).toBe(EXPIRY);
    expect(tags(letPass(away, EXPIRY, DROP)[1])).toEqual(['lease.expired', 'unbind']);
  });

  it('keeps it when the policy is to keep, warns every 5 minutes, and goes on asking', () => {
    const [state, effects] = letPass(bound(), EXPIRY + 11 * MINUTE, KEEP);
    expect(state).toMatchObject({
      tag: 'selecting',
      memory: { held: { lease: { address: ADDRESS } } },
    });
    expect(tags(effects)).not.toContain('unbind');
    expect(tags(effects).filter((tag) => tag === 'lease.kept')).toHaveLength(3);
  });

  it('heeds a carrier change at the moment the lease ends', () => {
    expect(play(bound(), [[EXPIRY, DOWN]])[0].tag).toBe('waiting');
  });

  it('rebinds at once after a long suspension', () => {
    const [state, effects] = play(bound(), [[T2 + 1000, TIMER]]);
    expect(state.tag).toBe('rebinding');
    expect(effects).toMatchObject([{ target: undefined }]);
  });
});

describe('an adopted lease', () => {
  it('needs no packet until T1', () => {
    const first = bound();
    if (first.memory.held === undefined) throw new Error('not bound');
    const state = adopt(first.memory.held, UNKNOWN_NETWORK, true, KEEP);
    expect(wakeTime(state)).toBe(T1);
    expect(play(state, [[LATER + 1000, UP]])).toEqual([state, []]);
    expect(play(state, [[T1, TIMER]])[0].tag).toBe('renewing');
  });
});

/** Returns the lease in the kernel after an effect. Fails when the effect is about another lease than is there. */
function configured(kernel: BoundLease | undefined, effect: Effect): BoundLease | undefined {
  if (!('held' in effect)) return kernel;
  const there = effect.tag === 'bind' ? effect.previous : effect.held;
  if (there !== kernel) throw new Error(`${effect.tag} of a lease that is not in the kernel`);
  if (effect.tag === 'bind') return effect.held;
  return effect.tag === 'unbind' ? undefined : kernel;
}

const endOf = (kernel: BoundLease | undefined, policy: Policy): number =>
  policy.onExpire === 'drop' && kernel !== undefined ? (expiryOf(kernel) ?? Infinity) : Infinity;

describe('any sequence of events', () => {
  const anyInput: fc.Arbitrary<Input> = fc.oneof(
    fc.constantFrom<Input>(UP, DOWN, TIMER, { tag: 'disturbed' }),
    fc.constantFrom(claim(ADDRESS), claim('10.0.0.77'), claim(SERVER, GATEWAY_MAC)),
    fc.constantFrom(
      reply('offer'),
      reply('ack'),
      reply('ack', [...GRANT, entry(OPTIONS.rapidCommit, true)]),
      reply('ack', GRANT, { yiaddr: '10.0.0.77' }),
      reply('nak', [entry(OPTIONS.serverId, '10.0.0.1')]),
      reply('offer', [], {}),
    ),
  );
  const anyEvents = fc.array(fc.tuple(fc.oneof(fc.nat(5000), fc.nat(4_000_000)), anyInput), {
    maxLength: 60,
  });

  const POLICIES = ([KEEP, DROP] as const).flatMap((policy) =>
    (['full', 'fast', 'none'] as const).map((arp): Policy => ({ ...policy, arp })),
  );

  it.each(POLICIES)('keeps kernel and state equal: $onExpire, $arp', (policy) => {
    fc.assert(
      fc.property(anyEvents, fc.constantFrom(ADDRESS, undefined), (events, hint) => {
        let state = begin(hint);
        let kernel: BoundLease | undefined;
        let now = LATER;
        for (const [passed, input] of events) {
          now += passed;
          const [next, effects] = step(state, at(now, input), policy);
          // At most one lease: an effect replaces or removes the present one.
          for (const effect of effects) kernel = configured(kernel, effect);
          expect(next.memory.held).toEqual(kernel);
          expect(next.tag === 'waiting' || wakeTime(next) !== undefined).toBe(true);
          // The end of a lease comes before anything else.
          expect(wakeTime(next) ?? Infinity).toBeLessThanOrEqual(endOf(kernel, policy));
          state = next;
        }
      }),
      { numRuns: 500 },
    );
  });

  it.each(POLICIES)('does not keep asking to be woken in the past: $onExpire, $arp', (policy) => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        let now = LATER;
        let state = begin(ADDRESS);
        for (const [passed, input] of events) {
          now += passed;
          [state] = step(state, at(now, input), policy);
          // A few timers must handle everything overdue, or the loop would spin.
          for (let spins = 0; (wakeTime(state) ?? Infinity) <= now; spins += 1) {
            expect(spins).toBeLessThan(3);
            [state] = step(state, at(now, TIMER), policy);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});

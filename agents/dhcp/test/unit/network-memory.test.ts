import { describe, expect, it } from 'vitest';

import { wakeTime } from '../../src/core/client/machine.ts';
import {
  type Effect,
  expiryOf,
  type Input,
  UNKNOWN_NETWORK,
  type Policy,
  type State,
} from '../../src/core/client/model.ts';
import { begin } from '../../src/core/client/start.ts';
import type { DhcpMessage } from '../../src/core/wire/message.ts';
import { entry, OPTIONS } from '../../src/core/wire/options.ts';
import {
  ADDRESS,
  DROP,
  GRANT,
  KEEP,
  reply,
  sent,
  SERVER,
  SERVER_MAC,
  tags,
} from '../support/fixtures.ts';
import { letPass, play } from '../support/play.ts';

const START = 600_000;
const DAY = 24 * 3600 * 1000;
const UP: Input = { tag: 'carrier', up: true };
const TIMER: Input = { tag: 'timer' };
const NAK = reply('nak', [entry(OPTIONS.serverId, '10.0.0.1')]);

const up = (policy: Policy = KEEP, start: State = begin(undefined)): State =>
  play(start, [[START, UP]], policy)[0];

const bound = (): State =>
  play(
    up(),
    [
      [START, reply('offer')],
      [START, reply('ack')],
    ],
    KEEP,
  )[0];

const messages = (effects: readonly Effect[]): DhcpMessage[] =>
  effects.flatMap((effect) => (effect.tag === 'send' ? effect.message : []));

const isRapid = ({ options }: DhcpMessage): boolean => options.get(OPTIONS.rapidCommit) === true;
const hasId = ({ options }: DhcpMessage): boolean => options.get(OPTIONS.clientId) !== undefined;

/** The first DISCOVER on a link. */
const firstOf = (start: State, now: number): DhcpMessage => sent(play(start, [[now, UP]], KEEP)[1]);

describe('rapid commit', () => {
  it('is asked for in the first two DISCOVERs', () => {
    const [, effects] = letPass(up(), START + 20_000, KEEP);
    expect(messages(effects).map(isRapid).slice(0, 3)).toEqual([true, false, false]);
  });

  it.each<[string, readonly (readonly [number, Input])[]]>([
    ['the commit does not say that it is one', [[START, reply('ack')]]],
    [
      'the offer that came instead is refused',
      [
        [START, reply('offer')],
        [START, NAK],
      ],
    ],
    [
      'an offer comes only after it was left out',
      [
        [START + 1000, TIMER],
        [START + 3000, TIMER],
        [START + 3001, reply('offer')],
      ],
    ],
  ])('is not tried for a day when %s', (_name, events) => {
    const [state] = play(up(), events, KEEP);
    const { network } = state.memory;
    expect(network.rapidOffUntil).toBeGreaterThanOrEqual(START + DAY);
    expect(isRapid(firstOf(begin(undefined, network), START + DAY - 1))).toBe(false);
    expect(isRapid(firstOf(begin(undefined, network), START + DAY + 3002))).toBe(true);
  });

  it('is not tried for a day when the offering server falls silent', () => {
    const [offered] = play(up(), [[START, reply('offer')]], KEEP);
    const [state] = letPass(offered, START + 31_000, KEEP);
    expect(state.tag).toBe('selecting');
    expect(state.memory.network.rapidOffUntil).toBeGreaterThan(START + DAY);
  });

  it('is not in doubt when an offer comes at once', () => {
    expect(play(up(), [[START, reply('offer')]], KEEP)[0].memory.network.rapidOffUntil).toBe(0);
  });
});

describe('a silent server', () => {
  it('is asked for less with each step, then every other time for everything again', () => {
    const [, effects] = letPass(up(), START + 200_000, KEEP);
    const ids = [true, ...messages(effects).map(hasId)];
    expect(ids.slice(0, 9)).toEqual([true, true, true, true, true, false, true, false, true]);
    expect(tags(effects).filter((tag) => tag === 'degrade')).toHaveLength(3);
  });

  it('gets the degraded form in all messages of the lease, and at the next boot', () => {
    const [silent] = letPass(up(), START + 31_000, KEEP);
    const [requesting, request] = play(silent, [[START + 31_001, reply('offer')]], KEEP);
    expect(hasId(sent(request))).toBe(false);
    expect(sent(request).broadcast).toBe(true);
    const [bound] = play(requesting, [[START + 31_002, reply('ack')]], KEEP);
    expect(bound.memory.held?.degradeLevel).toBe(3);
    const [, renewal] = letPass(bound, START + 1_900_000, KEEP);
    expect(hasId(sent(renewal))).toBe(false);
    expect(hasId(firstOf(begin(ADDRESS, bound.memory.network), START))).toBe(false);
  });

  it('is asked for everything again when it no longer knows the address', () => {
    const [state, effects] = letPass(
      up(KEEP, begin(ADDRESS, { ...UNKNOWN_NETWORK, degradeLevel: 3 })),
      START + 5000,
      KEEP,
    );
    expect(state.tag).toBe('selecting');
    expect(hasId(messages(effects).at(-1) ?? sent([]))).toBe(true);
  });
});

const from = (yiaddr: string, server: string): Input =>
  reply('offer', [...GRANT.slice(1), entry(OPTIONS.serverId, server)], { yiaddr });

describe('a window for offers', () => {
  const patient: Policy = { ...KEEP, offerWindowMs: 200 };
  it('prefers the server of the last lease', () => {
    const start = begin(undefined, { ...UNKNOWN_NETWORK, server: '10.0.0.3' });
    const [waiting, nothing] = play(
      up(patient, start),
      [
        [START + 10, from('10.0.0.20', '10.0.0.2')],
        [START + 20, from('10.0.0.30', '10.0.0.3')],
        [START + 30, from('10.0.0.40', '10.0.0.4')],
      ],
      patient,
    );
    expect(nothing).toEqual([]);
    expect(wakeTime(waiting)).toBe(START + 210);
    const [state] = play(waiting, [[START + 210, TIMER]], patient);
    expect(state).toMatchObject({ tag: 'requesting', offer: { server: '10.0.0.3' } });
  });

  it('closes at once for the last address', () => {
    const [selecting] = letPass(up(patient, begin(ADDRESS)), START + 5000, patient);
    expect(play(selecting, [[START + 5001, from(ADDRESS, '10.0.0.2')]], patient)[0].tag).toBe(
      'requesting',
    );
  });
});

describe('a network that wants no IPv4', () => {
  const mostly: Policy = { ...KEEP, ipv6Mostly: true };
  const without = reply('offer', [...GRANT, entry(OPTIONS.ipv6Only, 60)]);

  it('gets none for at least five minutes, if the policy heeds that', () => {
    const [state, effects] = play(up(mostly), [[START, without]], mostly);
    expect(tags(effects)).toEqual(['ipv6.only', 'stand-down']);
    expect(wakeTime(state)).toBe(START + 300_000);
    expect(play(up(), [[START, without]], KEEP)[0].tag).toBe('requesting');
  });
});

describe('a strict client', () => {
  const strict: Policy = { ...DROP, strictRfc: true };

  it('waits before its first message, retransmits late, and leaves nothing out', () => {
    const state = up(strict);
    expect(wakeTime(state)).toBe(START + 5500);
    const [later, effects] = letPass(state, START + 5500 + 300_000, strict);
    expect(later.tag).toBe('selecting');
    expect(messages(effects).every(hasId)).toBe(true);
    const [asked] = play(state, [[START + 5500, TIMER]], strict);
    expect(wakeTime(asked)).toBe(START + 5500 + 4000);
  });
});

describe('a fleet that starts together', () => {
  it('spreads over the startup jitter', () => {
    const policy: Policy = { ...KEEP, startupJitterSeconds: 10 };
    expect(wakeTime(up(policy, begin(ADDRESS)))).toBe(START + 5000);
  });
});

const extending = (sourceMac: string | undefined, server: string): Input => {
  const input = reply('ack', [...GRANT.slice(1), entry(OPTIONS.serverId, server)]);
  if (input.tag !== 'reply') throw new Error('no reply');
  return { ...input, reply: { ...input.reply, sourceMac } };
};

describe('the hardware address of the server', () => {
  it.each([
    ['follows its replies', '02:00:00:00:00:54', SERVER, '02:00:00:00:00:54'],
    ['outlives a reply without one', undefined, SERVER, SERVER_MAC],
    ['is not taken for that of another server', undefined, '10.0.0.3', undefined],
  ])('%s', (_name, sourceMac, server, expected) => {
    const [renewing] = letPass(bound(), START + 1_900_000, KEEP);
    const [state] = play(renewing, [[START + 1_900_001, extending(sourceMac, server)]], KEEP);
    expect(bound().memory.network.serverMac).toBe(SERVER_MAC);
    expect(state).toMatchObject({ tag: 'bound', memory: { network: { serverMac: expected } } });
  });
});

describe('an address that others remove from the kernel', () => {
  it('is restored, at most once a second', () => {
    const [first, repaired] = play(bound(), [[START + 1, { tag: 'disturbed' }]], KEEP);
    expect(tags(repaired)).toEqual(['repair']);
    const [second, later] = play(first, [[START + 2, { tag: 'disturbed' }]], KEEP);
    expect(later).toEqual([]);
    expect(wakeTime(second)).toBe(START + 1001);
    expect(tags(play(second, [[START + 1001, TIMER]], KEEP)[1])).toEqual(['repair']);
  });

  it('is not ours when we hold nothing', () => {
    expect(play(up(), [[START + 1, { tag: 'disturbed' }]], KEEP)[1]).toEqual([]);
  });
});

describe('a lease that no server renews', () => {
  it('is reported when three quarters of the time after T2 have passed', () => {
    const state = bound();
    const end = (state.memory.held && expiryOf(state.memory.held)) ?? 0;
    const warnAt = START + 3_150_000 + 0.75 * 450_000;
    const [before, quiet] = letPass(state, warnAt - 1, KEEP);
    expect(tags(quiet)).not.toContain('lease.expiring');
    const [, said] = letPass(before, end - 1, KEEP);
    expect(tags(said).filter((tag) => tag === 'lease.expiring')).toHaveLength(1);
  });
});

const short = (seconds: number): Input =>
  reply('ack', [...GRANT, entry(OPTIONS.leaseTime, seconds)]);
const limitsIn = (effects: readonly Effect[]): unknown[] =>
  effects.flatMap((effect) =>
    effect.tag === 'report' && effect.ev === 'lease.limit' ? [effect.fields] : [],
  );

describe('a limit that a lease ran into', () => {
  it('is reported once for the lease, although dnsmasq sends other times with each renewal', () => {
    const start = play(up(), [[START, reply('offer')]], KEEP)[0];
    const [first, effects] = play(start, [[START, short(20)]], KEEP);
    expect(limitsIn(effects)).toEqual([{ what: 'lease', sent: 20, used: 60 }]);
    const renewing = START + 30_000;
    const renewal = [
      [renewing, TIMER],
      [renewing, short(19)],
    ] as const;
    expect(tags(play(first, renewal, KEEP)[1])).toEqual(['bind']);
  });

  it('is reported when a renewal runs into another one', () => {
    const [renewing] = letPass(bound(), START + 1_900_000, KEEP);
    const [, effects] = play(renewing, [[START + 1_900_001, short(20)]], KEEP);
    expect(limitsIn(effects)).toEqual([{ what: 'lease', sent: 20, used: 60 }]);
  });
});

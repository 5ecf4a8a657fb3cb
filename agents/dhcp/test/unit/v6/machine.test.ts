import { describe, expect, it } from 'vitest';

import { duidOfMac, iaidOfMac } from '../../../src/core/v6/client/identity.ts';
import { step6, wakeTime6 } from '../../../src/core/v6/client/machine.ts';
import type { Input6, State6 } from '../../../src/core/v6/client/model.ts';
import { adopt6, begin6 } from '../../../src/core/v6/client/start.ts';
import { STATUS } from '../../../src/core/v6/wire/codec.ts';
import { TYPE6 } from '../../../src/core/v6/wire/message.ts';
import { entry6 } from '../../../src/core/v6/wire/option-list.ts';
import { OPTIONS6 } from '../../../src/core/v6/wire/options.ts';
import {
  ADDRESS6,
  answer,
  at6,
  ia,
  OTHER_DUID,
  play6,
  POLICY6,
  sent6,
  SERVER_DUID,
  silence6,
  tags6,
} from '../../support/v6.ts';

const UP: Input6 = { tag: 'carrier', up: true };
const DOWN: Input6 = { tag: 'carrier', up: false };
const TIMER: Input6 = { tag: 'timer' };
const STATEFUL: Input6 = { tag: 'mode', mode: 'stateful' };
const STATELESS: Input6 = { tag: 'mode', mode: 'stateless' };
const statusOf = (code: number) => ({ code, message: '' });
const withStatus = (code: number) => [entry6(OPTIONS6.statusCode, statusOf(code))];
const refusing = (code: number) => ia({ addresses: [], status: statusOf(code) });

/** A Solicit is out since 500. */
const [SOLICITING] = play6(begin6(undefined), [
  [0, UP],
  [0, STATEFUL],
  [500, TIMER],
]);
/** A Request is out since 1550. */
const [REQUESTING] = play6(SOLICITING, [
  [600, answer('advertise')],
  [1550, TIMER],
]);
/** Bound at 2000: T1 after 900 s, T2 after 1440 s, the end after 3600 s. */
const [BOUND] = play6(REQUESTING, [[2000, answer('reply')]]);
const T1 = 902_000;
const [RENEWING] = play6(BOUND, [[T1, TIMER]]);
const preferring = (preference: number, server = OTHER_DUID): Input6 =>
  answer('advertise', { server, options: [entry6(OPTIONS6.preference, preference)] });

const maxRtAfter = (seconds: number): number | undefined => {
  const options = [entry6(OPTIONS6.solMaxRt, seconds)];
  const input = answer('advertise', { ia: refusing(STATUS.noAddrsAvail), options });
  return play6(SOLICITING, [[600, input]])[0].memory.solMaxRt;
};

const gaps = (sent: readonly (readonly [number, number])[]): number[] =>
  sent.slice(1).map(([now], at) => now - (sent[at]?.[0] ?? 0));

const replyWith = (status: number): Input6 =>
  answer('reply', { ia: undefined, options: withStatus(status) });

const leaseOf = (state: State6) => state.memory.lease?.addresses.map(({ address }) => address);

describe('a client', () => {
  it('does nothing without a carrier, and nothing unless a router or a setting asks for it', () => {
    for (const input of [UP, STATEFUL]) {
      expect(wakeTime6(play6(begin6(undefined), [[0, input]])[0])).toBeUndefined();
    }
  });

  it('delays its first message by up to a second', () => {
    for (const random of [0, 0.999]) {
      const [up] = step6(begin6(undefined), at6(0, UP), POLICY6);
      const [state] = step6(up, at6(0, STATEFUL, random), POLICY6);
      expect(wakeTime6(state)).toBe(random * 1000);
    }
  });

  it('solicits, requests the offer and binds it', () => {
    expect(SOLICITING.tag).toBe('soliciting');
    expect(REQUESTING.tag).toBe('requesting');
    const [state, effects] = play6(REQUESTING, [[2000, answer('reply')]]);
    expect(tags6(effects)).toEqual(['bind', 'lease6.bound']);
    expect(leaseOf(state)).toEqual([ADDRESS6]);
    expect(wakeTime6(state)).toBe(T1);
  });

  it('asks the server of the offer for its addresses', () => {
    const [, effects] = play6(SOLICITING, [
      [600, answer('advertise')],
      [1550, TIMER],
    ]);
    const { type, options } = sent6(effects);
    expect(type).toBe(TYPE6.request);
    expect(options.get(OPTIONS6.serverId)).toEqual(SERVER_DUID);
    expect(options.get(OPTIONS6.clientId)).toEqual(POLICY6.identity.duid);
    expect(options.get(OPTIONS6.iaNa)?.addresses.map((each) => each.address)).toEqual([ADDRESS6]);
    expect(options.get(OPTIONS6.optionRequest)).toContain(OPTIONS6.solMaxRt.code);
  });

  it('drops replies with another transaction, of other servers, and of the wrong kind', () => {
    for (const input of [
      answer('reply', { transactionId: 2 }),
      answer('reply', { server: OTHER_DUID }),
      answer('advertise'),
    ]) {
      expect(play6(REQUESTING, [[2000, input]])).toEqual([REQUESTING, []]);
    }
    // Nobody asked for rapid commit.
    const rapid = answer('reply', { options: [entry6(OPTIONS6.rapidCommit, true)] });
    expect(play6(SOLICITING, [[600, rapid]])).toEqual([SOLICITING, []]);
  });
});

describe('offers', () => {
  it('are collected for more than a second', () => {
    const early = play6(SOLICITING, [[600, answer('advertise')]]);
    expect(early[0].tag).toBe('soliciting');
    for (const random of [0, 0.999]) {
      const delaying = play6(begin6(undefined), [
        [0, UP],
        [0, STATEFUL],
      ])[0];
      const [state] = step6(delaying, at6(500, TIMER, random), POLICY6);
      expect(wakeTime6(state)).toBeGreaterThan(1500);
      expect(wakeTime6(state)).toBeLessThanOrEqual(1600);
    }
  });

  it('of the highest preference win', () => {
    const [, effects] = play6(SOLICITING, [
      [600, answer('advertise')],
      [610, preferring(7)],
      [620, preferring(3, SERVER_DUID)],
      [1550, TIMER],
    ]);
    expect(sent6(effects).options.get(OPTIONS6.serverId)).toEqual(OTHER_DUID);
  });

  it('of preference 255 end the wait, and so does the first after it', () => {
    expect(play6(SOLICITING, [[600, preferring(255)]])[0].tag).toBe('requesting');
    const again = play6(SOLICITING, [
      [1550, TIMER],
      [1700, answer('advertise')],
    ]);
    expect(again[0].tag).toBe('requesting');
  });

  it.each([
    ['without addresses', { ia: ia({ addresses: [] }) }],
    ['without an IA', { ia: undefined }],
    ['of another IA', { ia: ia({ iaid: 7 }) }],
    ['with NoAddrsAvail', { ia: refusing(STATUS.noAddrsAvail) }],
    ['with T1 after T2', { ia: ia({ t1Seconds: 2000, t2Seconds: 1000 }) }],
    ['with a preferred lifetime above the valid', { ia: lasting(3601, 3600) }],
    ['of seconds', { ia: lasting(5, 5) }],
    ['of a link-local address', { ia: lasting(1800, 3600, 'fe80::5') }],
    ['of a multicast address', { ia: lasting(1800, 3600, 'ff02::5') }],
    ['of the loopback address', { ia: lasting(1800, 3600, '::1') }],
  ])('%s are none', (_name, fields) => {
    const [state] = play6(SOLICITING, [
      [600, answer('advertise', fields)],
      [1550, TIMER],
    ]);
    expect(state.tag).toBe('soliciting');
  });

  it('that are none set SOL_MAX_RT all the same, within its bounds', () => {
    expect([59, 60, 86_400, 86_401].map(maxRtAfter)).toEqual([
      undefined,
      60_000,
      86_400_000,
      undefined,
    ]);
  });
});

function lasting(preferredSeconds: number, validSeconds: number, address = ADDRESS6) {
  return ia({ addresses: [{ address, preferredSeconds, validSeconds }] });
}

describe('rapid commit', () => {
  const rapid = { ...POLICY6, rapidCommit: true };

  it('binds with two messages', () => {
    const options = [entry6(OPTIONS6.rapidCommit, true)];
    const input = answer('reply', { options });
    expect(play6(SOLICITING, [[600, input]], rapid)[0].tag).toBe('bound');
    expect(play6(SOLICITING, [[600, answer('reply')]], rapid)[0].tag).toBe('soliciting');
  });
});

describe('retransmission, when no server replies,', () => {
  it('of Solicit doubles up to an hour', () => {
    const [, sent] = silence6(SOLICITING, 8 * 3_600_000);
    const waits = gaps([[500, 1], ...sent]);
    expect(waits.slice(0, 3)).toEqual([1050, 2100, 4200]);
    expect(waits.slice(-2)).toEqual([3_600_000, 3_600_000]);
    expect(new Set(sent.map(([, type]) => type))).toEqual(new Set([TYPE6.solicit]));
  });

  it('of Request is over after ten', () => {
    const [, sent] = silence6(REQUESTING, 300_000);
    const requests = sent.filter(([, type]) => type === TYPE6.request);
    expect(requests).toHaveLength(9);
    expect(sent.at(-1)?.[1]).toBe(TYPE6.solicit);
    expect(Math.max(...gaps(requests))).toBe(30_000);
  });

  it('of Renew lasts until T2, of Rebind until the end', () => {
    const [state, sent] = silence6(BOUND, 3_602_000);
    const renews = sent.filter(([, type]) => type === TYPE6.renew).map(([now]) => now);
    const rebinds = sent.filter(([, type]) => type === TYPE6.rebind).map(([now]) => now);
    expect(renews.slice(0, 3)).toEqual([902_000, 912_000, 932_000]);
    expect(renews.at(-1)).toBeLessThan(1_442_000);
    expect(rebinds[0]).toBe(1_442_000);
    expect(rebinds.at(-1)).toBeLessThan(3_602_000);
    expect(leaseOf(state)).toBeUndefined();
    expect(state).toMatchObject({ tag: 'resting', next: 'soliciting' });
  });

  it('of Release is over after four', () => {
    const [releasing, effects] = play6(BOUND, [[3000, { tag: 'release' }]]);
    expect(tags6(effects)).toEqual(['unbind', 'send']);
    const [state, sent] = silence6(releasing, 100_000);
    expect(sent.map(([now, type]) => [now, type])).toEqual([
      [4000, TYPE6.release],
      [6000, TYPE6.release],
      [10_000, TYPE6.release],
    ]);
    expect(wakeTime6(state)).toBeUndefined();
  });

  it('is within a tenth of its time', () => {
    for (const random of [0, 0.999]) {
      const [, sent] = silence6(SOLICITING, 4 * 3_600_000, random);
      const last = gaps(sent).at(-1) ?? 0;
      expect(last).toBeGreaterThanOrEqual(3_240_000);
      expect(last).toBeLessThan(3_960_000);
    }
  });
});

describe('a lease', () => {
  it('is renewed by its server alone, and rebound by any', () => {
    expect(RENEWING.tag).toBe('renewing');
    const foreign = answer('reply', { server: OTHER_DUID });
    expect(play6(RENEWING, [[T1 + 10, foreign]])[0].tag).toBe('renewing');
    expect(play6(RENEWING, [[T1 + 10, answer('reply')]])[0].tag).toBe('bound');
    const [rebinding] = play6(BOUND, [[1_442_000, TIMER]]);
    expect(rebinding.tag).toBe('rebinding');
    expect(play6(rebinding, [[1_442_010, foreign]])[0].tag).toBe('bound');
  });

  it('without a binding is requested anew from the server that says so', () => {
    const input = answer('reply', { ia: refusing(STATUS.noBinding) });
    const [state, effects] = play6(RENEWING, [[T1 + 10, input]]);
    expect(state.tag).toBe('requesting');
    expect(sent6(effects).options.get(OPTIONS6.iaNa)?.addresses).toHaveLength(1);
    expect(leaseOf(state)).toEqual([ADDRESS6]);
  });

  it('is kept when a renewal says nothing of its addresses', () => {
    for (const fields of [
      { ia: undefined },
      { ia: refusing(STATUS.noAddrsAvail) },
      { options: withStatus(STATUS.unspecFail) },
      { options: withStatus(STATUS.useMulticast) },
    ]) {
      const [state] = play6(RENEWING, [[T1 + 10, answer('reply', fields)]]);
      expect(state.tag).toBe('renewing');
      expect(leaseOf(state)).toEqual([ADDRESS6]);
    }
  });

  it('loses an address whose lifetime becomes 0, keeps those unmentioned and gets new ones', () => {
    const second = { address: '2001:db8::6', preferredSeconds: 1800, validSeconds: 3600 };
    const two = ia({ addresses: [...ia().addresses, second] });
    const [bound] = play6(REQUESTING, [[2000, answer('reply', { ia: two })]]);
    const gone = { ...second, preferredSeconds: 0, validSeconds: 0 };
    const third = { ...second, address: '2001:db8::7' };
    const [state] = play6(bound, [
      [T1, TIMER],
      [T1 + 10, answer('reply', { ia: ia({ addresses: [gone, third] }) })],
    ]);
    expect(leaseOf(state)).toEqual([ADDRESS6, '2001:db8::7']);
  });

  it('without an address left is asked for anew', () => {
    const [state, effects] = play6(RENEWING, [[T1 + 10, answer('reply', { ia: lasting(0, 0) })]]);
    expect(tags6(effects)).toEqual(['unbind', 'lease6.lost']);
    expect(state).toMatchObject({ tag: 'resting', next: 'soliciting' });
  });

  it.each([
    ['0 are chosen by the client', 0, 0, 1800, 3600, 900, 1440],
    ['of seconds become 30 s', 1, 2, 1800, 3600, 30, 30],
    ['after the end are chosen by the client', 4000, 5000, 1800, 3600, 900, 1440],
    ['without an end never come', 0, 0, 0xffff_ffff, 0xffff_ffff, Infinity, Infinity],
  ])('has T1 and T2: times of %s', (_name, t1Seconds, t2Seconds, preferred, valid, t1, t2) => {
    const grant = { ...lasting(preferred, valid), t1Seconds, t2Seconds };
    const [state] = play6(REQUESTING, [[2000, answer('reply', { ia: grant })]]);
    expect(state.memory.lease).toMatchObject({ t1At: 2000 + t1 * 1000, t2At: 2000 + t2 * 1000 });
  });

  it('is confirmed when the carrier is back, and given up when it does not fit the link', () => {
    const [confirming, effects] = play6(BOUND, [
      [5000, DOWN],
      [6000, UP],
      [6500, TIMER],
    ]);
    expect(sent6(effects).type).toBe(TYPE6.confirm);
    const [again, restored] = play6(confirming, [[6600, replyWith(STATUS.success)]]);
    // A link that was down has lost its addresses in the kernel.
    expect([again.tag, tags6(restored)]).toEqual(['bound', ['bind']]);
    const [lost, gone] = play6(confirming, [[6600, replyWith(STATUS.notOnLink)]]);
    expect(tags6(gone)).toEqual(['unbind', 'lease6.refused']);
    expect(leaseOf(lost)).toBeUndefined();
  });

  it('is kept when nobody replies to its confirmation within ten seconds', () => {
    const [confirming] = play6(begin6(BOUND.memory.lease), [
      [6000, UP],
      [6500, TIMER],
    ]);
    const [state, sent] = silence6(confirming, 17_000);
    expect(sent.every(([, type]) => type === TYPE6.confirm)).toBe(true);
    expect(sent).toHaveLength(3);
    expect(state.tag).toBe('bound');
  });

  it('goes on without a message when another instance takes it over', () => {
    const { lease } = BOUND.memory;
    if (lease === undefined) throw new Error('no lease');
    const adopted = adopt6(lease);
    expect([adopted.tag, wakeTime6(adopted)]).toEqual(['bound', T1]);
    const [state, effects] = play6(adopted, [
      [3000, UP],
      [3000, { tag: 'mode', mode: 'stateful' }],
    ]);
    expect([state.tag, effects]).toEqual(['bound', []]);
    expect(sent6(play6(state, [[T1, TIMER]])[1]).type).toBe(TYPE6.renew);
  });

  it('outlives routers that no longer ask for it', () => {
    const [state] = play6(BOUND, [[3000, { tag: 'mode', mode: 'off' }]]);
    expect(leaseOf(state)).toEqual([ADDRESS6]);
    expect(wakeTime6(state)).toBe(T1);
  });
});

describe('a refusal', () => {
  it.each([STATUS.noAddrsAvail, STATUS.notOnLink])('with status %d starts over', (code) => {
    const [state, effects] = play6(REQUESTING, [[2000, answer('reply', { ia: refusing(code) })]]);
    expect(tags6(effects)).toEqual(['lease6.refused']);
    expect(state).toMatchObject({ tag: 'resting', next: 'soliciting', wakeAt: 3500 });
  });

  it.each([STATUS.unspecFail, STATUS.useMulticast])('with status %d is asked again', (code) => {
    const input = answer('reply', { ia: undefined, options: withStatus(code) });
    const [state] = play6(REQUESTING, [[2000, input]]);
    expect(state).toEqual(REQUESTING);
  });

  it('after the other waits longer, up to half an hour', () => {
    let state = REQUESTING;
    let now = 2000;
    const pauses: number[] = [];
    for (let turn = 0; turn < 14; turn += 1) {
      const refusal = answer('reply', { ia: refusing(STATUS.noAddrsAvail) });
      [state] = play6(state, [[now, refusal]]);
      pauses.push((wakeTime6(state) ?? 0) - now - 500);
      now = wakeTime6(state) ?? 0;
      const best = answer('advertise', { options: [entry6(OPTIONS6.preference, 255)] });
      [state] = play6(state, [
        [now, TIMER],
        [now, best],
      ]);
    }
    expect(pauses.slice(0, 3)).toEqual([1000, 2000, 4000]);
    expect(pauses.at(-1)).toBe(1_800_000);
  });
});

describe('a duplicate address', () => {
  const duplicate: Input6 = { tag: 'duplicate', address: ADDRESS6 };

  it('goes at once, is declined, and is not taken again', () => {
    const [declining, effects] = play6(BOUND, [[3000, duplicate]]);
    expect(tags6(effects)).toEqual(['unbind', 'conflict6', 'send']);
    expect(sent6(effects).type).toBe(TYPE6.decline);
    expect(sent6(effects).options.get(OPTIONS6.serverId)).toEqual(SERVER_DUID);
    const [over] = play6(declining, [[3100, answer('reply', { ia: undefined })]]);
    expect(over).toMatchObject({ tag: 'resting', next: 'soliciting', wakeAt: 13_600 });
    const [again] = play6(over, [
      [13_600, TIMER],
      [13_700, answer('advertise')],
      [15_000, TIMER],
    ]);
    expect(again.tag).toBe('soliciting');
  });

  it('that is not of the lease is nothing', () => {
    const input: Input6 = { tag: 'duplicate', address: '2001:db8::99' };
    expect(play6(BOUND, [[3000, input]])).toEqual([BOUND, []]);
  });
});

describe('a client without addresses to ask for', () => {
  const [informing] = play6(begin6(undefined), [
    [0, UP],
    [0, STATELESS],
    [500, TIMER],
  ]);
  const informed = (refresh?: number) => {
    const options = [
      entry6(OPTIONS6.dnsServers, ['2001:db8::53', 'fe80::1']),
      ...(refresh === undefined ? [] : [entry6(OPTIONS6.informationRefreshTime, refresh)]),
    ];
    return play6(informing, [[1000, answer('reply', { ia: undefined, options })]]);
  };

  it('asks for configuration and publishes it', () => {
    expect(informing.tag).toBe('informing');
    const config = { dns: ['2001:db8::53'], search: [], ntp: [] };
    expect(informed()[1]).toEqual([{ tag: 'configure', config }]);
  });

  it('refreshes it after a day, when the server says, or never, but not within ten minutes', () => {
    expect(wakeTime6(informed()[0])).toBe(86_401_000);
    expect(wakeTime6(informed(1)[0])).toBe(601_000);
    expect(wakeTime6(informed(7200)[0])).toBe(7_201_000);
    expect(wakeTime6(informed(0xffff_ffff)[0])).toBeUndefined();
  });

  it('solicits when a router asks for that', () => {
    const [state] = play6(informed()[0], [[2000, STATEFUL]]);
    expect(state).toMatchObject({ tag: 'resting', next: 'soliciting' });
  });
});

it('a client is known by its hardware address', () => {
  expect([...duidOfMac('02:00:00:00:00:01')]).toEqual([0, 3, 0, 1, 2, 0, 0, 0, 0, 1]);
  expect(iaidOfMac('02:00:01:02:03:04')).toBe(0x01020304);
});

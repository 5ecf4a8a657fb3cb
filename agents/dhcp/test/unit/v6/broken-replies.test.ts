import { fromHex, toHex } from '@kios/bytes';
import { describe, expect, it } from 'vitest';

import type { State6 } from '../../../src/core/v6/client/model.ts';
import { begin6 } from '../../../src/core/v6/client/start.ts';
import { readConfig } from '../../../src/core/v6/lease/other-config.ts';
import { STATUS } from '../../../src/core/v6/wire/codec.ts';
import { iaNa } from '../../../src/core/v6/wire/identity-association.ts';
import { decodeMessage6, TYPE6 } from '../../../src/core/v6/wire/message.ts';
import { entry6, OptionList } from '../../../src/core/v6/wire/option-list.ts';
import { OPTIONS6 } from '../../../src/core/v6/wire/options.ts';
import { encodeWith } from '../../../src/core/wire/codec.ts';
import { ADDRESS6, answer, ia, play6, sent6, tags6 } from '../../support/v6.ts';

const TIMER = { tag: 'timer' } as const;
const [SOLICITING] = play6(begin6(undefined), [
  [0, { tag: 'carrier', up: true }],
  [0, { tag: 'mode', mode: 'stateful' }],
  [500, TIMER],
]);
const [REQUESTING] = play6(SOLICITING, [
  [600, answer('advertise')],
  [1550, TIMER],
]);
const [BOUND] = play6(REQUESTING, [[2000, answer('reply')]]);
const [RENEWING] = play6(BOUND, [[902_000, TIMER]]);
const [REBINDING] = play6(BOUND, [[1_442_000, TIMER]]);

const OTHER = '2001:db8::6';
const status = (code: number) => ({ code, message: '' });
const address = (text: string, code?: number) => ({
  address: text,
  preferredSeconds: 1800,
  validSeconds: 3600,
  ...(code === undefined ? {} : { status: status(code) }),
});
const addressesOf = (state: State6) => state.memory.lease?.addresses.map((each) => each.address);
const REFUSALS = [
  STATUS.unspecFail,
  STATUS.noAddrsAvail,
  STATUS.noBinding,
  STATUS.notOnLink,
  STATUS.useMulticast,
  77,
];

describe('an address with a status of its own', () => {
  it.each(REFUSALS)('%d is not taken, and the others are', (code) => {
    const both = ia({ addresses: [address(ADDRESS6, code), address(OTHER)] });
    const [bound] = play6(REQUESTING, [[2000, answer('reply', { ia: both })]]);
    expect(addressesOf(bound)).toEqual([OTHER]);
    const one = ia({ addresses: [address(ADDRESS6, code)] });
    const [still] = play6(SOLICITING, [[600, answer('advertise', { ia: one })]]);
    expect(still).toEqual(SOLICITING);
    const [refused, effects] = play6(REQUESTING, [[2000, answer('reply', { ia: one })]]);
    expect([addressesOf(refused), tags6(effects)]).toEqual([undefined, ['lease6.refused']]);
  });

  it('of success is taken', () => {
    const good = ia({ addresses: [address(ADDRESS6, 0)], status: status(0) });
    const options = [entry6(OPTIONS6.statusCode, status(0))];
    const [bound] = play6(REQUESTING, [[2000, answer('reply', { ia: good, options })]]);
    expect(addressesOf(bound)).toEqual([ADDRESS6]);
  });

  it.each(REFUSALS)('%d leaves a lease as it is while it is extended', (code) => {
    const both = ia({ addresses: [address(ADDRESS6, code), address(OTHER)] });
    for (const state of [RENEWING, REBINDING]) {
      const [extended] = play6(state, [[1_443_000, answer('reply', { ia: both })]]);
      expect(addressesOf(extended)).toEqual([ADDRESS6, OTHER]);
      expect(extended.memory.lease?.addresses[0]?.validUntil).toBe(3_602_000);
    }
  });
});

describe('a status', () => {
  it.each(REFUSALS.filter((code) => code !== STATUS.noBinding))(
    '%d, of the IA or of the whole, leaves a lease as it is while it is extended',
    (code) => {
      const inIa = answer('reply', { ia: ia({ status: status(code) }) });
      const onTop = answer('reply', { options: [entry6(OPTIONS6.statusCode, status(code))] });
      for (const input of [inIa, onTop])
        for (const state of [RENEWING, REBINDING]) {
          const [kept, effects] = play6(state, [[1_443_000, input]]);
          expect([kept, effects]).toEqual([state, []]);
        }
    },
  );

  it('NoBinding, wherever it is, asks for the addresses anew', () => {
    const noBinding = status(STATUS.noBinding);
    const inIa = answer('reply', { ia: ia({ addresses: [], status: noBinding }) });
    const onTop = answer('reply', {
      ia: undefined,
      options: [entry6(OPTIONS6.statusCode, noBinding)],
    });
    for (const input of [inIa, onTop]) {
      const [asking, effects] = play6(RENEWING, [[903_000, input]]);
      expect([asking.tag, sent6(effects).type]).toEqual(['requesting', TYPE6.request]);
      expect(addressesOf(asking)).toEqual([ADDRESS6]);
    }
  });
});

describe('several associations of this client', () => {
  const good = entry6(OPTIONS6.iaNa, ia({ addresses: [address(OTHER)] }));

  it.each([
    ['that is refused', ia({ addresses: [], status: status(STATUS.noAddrsAvail) })],
    ['with T1 after T2', ia({ t1Seconds: 2000, t2Seconds: 1000 })],
    ['of another client', ia({ iaid: 7 })],
  ])('give the good one, whatever precedes it: one %s', (_name, bad) => {
    for (const type of ['advertise', 'reply'] as const) {
      const state = type === 'reply' ? REQUESTING : SOLICITING;
      const [next] = play6(state, [[2000, answer(type, { ia: bad, options: [good] })]]);
      const taken = type === 'reply' ? addressesOf(next) : undefined;
      const offered = 'offer' in next ? next.offer?.addresses.map((each) => each.address) : taken;
      expect(offered).toEqual([OTHER]);
    }
  });
});

describe('bytes that are too few', () => {
  it.each(['00', '0000', '000000'])('for an option do not cost the message: %s', (tail) => {
    const message = decodeMessage6(fromHex(`07000001 0007000105 ${tail}`));
    expect(message.options.get(OPTIONS6.preference)).toBe(5);
    const bytes = fromHex(toHex(encodeWith(iaNa, ia())) + tail);
    expect(new OptionList([[3, bytes]]).get(OPTIONS6.iaNa)).toEqual(ia());
  });

  it('for another server do not cost those before', () => {
    const server = '20010db8000000000000000000000053';
    const message = decodeMessage6(
      fromHex(`07000001 00170018 ${server}20010db800000000 001f0011 ${server}ff`),
    );
    expect(readConfig(message)).toMatchObject({
      dns: ['2001:db8::53'],
      ntp: ['2001:db8::53'],
    });
  });
});

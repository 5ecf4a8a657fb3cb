import { fromHex } from '@kios/bytes';
import { describe, expect, it } from 'vitest';

import { begin6 } from '../../../src/core/v6/client/start.ts';
import { type OtherConfig, readConfig } from '../../../src/core/v6/lease/other-config.ts';
import { STATUS } from '../../../src/core/v6/wire/codec.ts';
import { decodeMessage6 } from '../../../src/core/v6/wire/message.ts';
import { entry6 } from '../../../src/core/v6/wire/option-list.ts';
import { OPTIONS6 } from '../../../src/core/v6/wire/options.ts';
import { ADDRESS6, answer, ia, play6, tags6 } from '../../support/v6.ts';

const DNS = '20010db8000000000000000000000053';
const OTHER = '20010db8000000000000000000000054';
const LINK_LOCAL = 'fe800000000000000000000000000001';
const GROUP = 'ff0e0000000000000000000000000101';
const NAME = '046e747031076578616d706c6500';
const NAME_WITH_SPACE = '0361206200';

const hex16 = (value: number): string => value.toString(16).padStart(4, '0');
const option = (code: number, value: string): string =>
  `${hex16(code)}${hex16(value.length / 2)}${value}`;
const dns = (value: string): string => option(23, value);
const search = (value: string): string => option(24, value);
const sntp = (value: string): string => option(31, value);
/** Option 56 with sub-options. */
const ntp = (...subOptions: readonly (readonly [code: number, value: string])[]): string =>
  option(56, subOptions.map(([code, value]) => option(code, value)).join(''));

const configOf = (...options: readonly string[]): OtherConfig =>
  readConfig(decodeMessage6(fromHex(`07000001${options.join('')}`)));

describe('an option that is sent several times', () => {
  it('names a time server each time, as RFC 5908 has it', () => {
    expect(configOf(ntp([1, DNS]), ntp([1, OTHER]), ntp([3, NAME])).ntp).toEqual([
      '2001:db8::53',
      '2001:db8::54',
      'ntp1.example',
    ]);
  });

  it.each<readonly [string, readonly string[], Partial<OtherConfig>]>([
    ['name servers', [dns(DNS), dns(OTHER)], { dns: ['2001:db8::53', '2001:db8::54'] }],
    ['the same one', [dns(DNS), dns(DNS)], { dns: ['2001:db8::53'] }],
    ['the first one malformed', [dns('2001'), dns(OTHER)], { dns: ['2001:db8::54'] }],
    ['the first one empty', [dns(''), dns(OTHER)], { dns: ['2001:db8::54'] }],
    ['domains', [search('0361626300'), search('0364656600')], { search: ['abc', 'def'] }],
    ['SNTP servers', [sntp(DNS), sntp(OTHER)], { ntp: ['2001:db8::53', '2001:db8::54'] }],
  ])('counts each time: %s', (_name, options, config) => {
    expect(configOf(...options)).toMatchObject(config);
  });
});

describe('one bad time server', () => {
  it.each<readonly [string, readonly [number, string]]>([
    ['a name that may not go into files', [3, NAME_WITH_SPACE]],
    ['a name without an end', [3, '03616263']],
    ['several names', [3, '01610001620000']],
    ['an address that is too short', [1, '2001']],
    ['an address that is too long', [1, `${DNS}00`]],
    ['an unknown kind', [9, '00']],
    ['an empty one', [1, '']],
  ])('does not cost the others: %s', (_name, bad) => {
    expect(configOf(ntp(bad, [1, DNS])).ntp).toEqual(['2001:db8::53']);
    expect(configOf(ntp([1, DNS], bad)).ntp).toEqual(['2001:db8::53']);
  });

  it('does not cost those before it, when it runs past the end', () => {
    expect(configOf(option(56, `${option(1, DNS)}000100102001`)).ntp).toEqual(['2001:db8::53']);
  });
});

describe('SNTP servers', () => {
  it.each([
    ['none', ntp()],
    ['a group only', ntp([2, GROUP])],
    ['a link-local address only', ntp([1, LINK_LOCAL])],
    ['an unusable name only', ntp([3, NAME_WITH_SPACE])],
    ['addresses without sub-options', option(56, OTHER)],
  ])('count where option 56 has no usable server: %s', (_name, useless) => {
    expect(configOf(useless, sntp(DNS)).ntp).toEqual(['2001:db8::53']);
  });

  it('do not count beside a usable one', () => {
    expect(configOf(ntp([3, NAME]), sntp(DNS)).ntp).toEqual(['ntp1.example']);
  });
});

const TIMER = { tag: 'timer' } as const;
const [REQUESTING] = play6(begin6(undefined), [
  [0, { tag: 'carrier', up: true }],
  [0, { tag: 'mode', mode: 'stateful' }],
  [500, TIMER],
  [600, answer('advertise')],
  [1550, TIMER],
]);
const [BOUND] = play6(REQUESTING, [[2000, answer('reply')]]);

describe('a reply to CONFIRM', () => {
  const [CONFIRMING] = play6(BOUND, [
    [3000, { tag: 'carrier', up: false }],
    [4000, { tag: 'carrier', up: true }],
    [5000, TIMER],
  ]);
  const notOnLink = { code: STATUS.notOnLink, message: '' };

  it.each([
    ['the whole', answer('reply', { options: [entry6(OPTIONS6.statusCode, notOnLink)] })],
    ['the IA', answer('reply', { ia: ia({ status: notOnLink }) })],
    ['the IA alone', answer('reply', { ia: ia({ addresses: [], status: notOnLink }) })],
  ])('says by the status of %s that the addresses are of another link', (_name, input) => {
    const [next, effects] = play6(CONFIRMING, [[5100, input]]);
    expect([next.memory.lease, tags6(effects)]).toEqual([undefined, ['unbind', 'lease6.refused']]);
  });
});

describe('a lease whose server says T1 or T2 alone', () => {
  it.each([
    ['T2', 0, 900, 562.5, 900],
    ['T2 that is usual', 0, 1440, 900, 1440],
    ['a late T2', 0, 3000, 900, 3000],
    ['T1', 900, 0, 900, 1440],
    ['a late T1', 1500, 0, 1500, 2400],
    ['T1 near the end', 3500, 0, 3500, 3550],
    ['T1 behind the end', 4000, 0, 900, 1440],
    ['neither', 0, 0, 900, 1440],
  ])('has time between them: %s', (_name, t1Seconds, t2Seconds, t1, t2) => {
    const input = answer('reply', { ia: ia({ t1Seconds, t2Seconds }) });
    const [bound] = play6(REQUESTING, [[2000, input]]);
    expect(bound.memory.lease).toMatchObject({ t1At: 2000 + t1 * 1000, t2At: 2000 + t2 * 1000 });
    expect(bound.memory.lease?.addresses[0]?.address).toBe(ADDRESS6);
  });
});

import { expect, it } from 'vitest';

import { eventsOf, parseRollup } from '../../../../src/bench/runtimes/plan.ts';
import { verdictOf } from '../../../../src/bench/runtimes/verdict.ts';

it('memory is what was written, what is private, and the share of all', () => {
  const rollup = 'Rss: 50000 kB\nPss:  21331 kB\nPss_Dirty: 9 kB\nPrivate_Clean:  19616 kB\nPrivate_Dirty:   1612 kB\n'; // prettier-ignore
  expect(parseRollup(rollup)).toEqual({ writtenKiB: 1612, privateKiB: 21_228, shareKiB: 21_331 });
});

it('each event of a log counts once', () => {
  const lines = [
    '{"agent":"dhcp","ev":"start"}',
    'no event',
    '{"ev":"wait","x":1}',
    '{"ev":"wait"}',
  ];
  expect(eventsOf(lines)).toEqual(['start', 'wait']);
});

const memory = { writtenKiB: 1, privateKiB: 1, shareKiB: 1 };
const times = { firstLineMs: [1], cpuMs: [1] };
const shipped = { ...times, events: ['start', 'wait'], memory };

it.each([
  ['as it ships', { ...shipped, events: ['start', 'other', 'wait'] }],
  [
    'up to start: lost: koffi.node: no symbol',
    { ...times, events: ['start'], ended: '/b/lost: /tmp/x-1/koffi.node: no symbol' },
  ],
  ['up to start: rests without wait', { ...shipped, events: ['start'] }],
  ['up to wait: exit code 0', { ...times, events: shipped.events, ended: 'exit code 0' }],
  ['no event: SIGSEGV', { ...times, events: [], ended: 'SIGSEGV' }],
  ['not started', undefined],
])('%s', (verdict, reached) => {
  expect(verdictOf(reached, shipped)).toBe(verdict);
});

it('a program that ends under the runtime that ships has to end', () => {
  const ends = { ...times, events: ['skipped'], ended: 'exit code 0' };
  expect(verdictOf(ends, ends)).toBe('as it ships');
});

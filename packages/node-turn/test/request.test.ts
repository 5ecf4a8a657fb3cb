import { expect, it } from 'vitest';

import { DEFAULTS, formatRequest, parseTurn, readRequest, REQUESTS } from '../src/index.ts';

const read = (text: string) => readRequest({ [REQUESTS.reboot]: text }, DEFAULTS);

it.each(['now', '', '2026-11-28', 'by Kim'])('a word asks with what the agent has: %j', (text) => {
  const expected = { action: 'reboot', text, force: false, ...DEFAULTS };
  expect(read(text)).toEqual({ tag: 'request', request: expected });
});

it('an object asks with options of its own', () => {
  const text = formatRequest({ id: 'x', maxUnavailable: 3, drainSeconds: 60, force: true });
  const expected = { ...DEFAULTS, action: 'reboot', text, force: true, maxUnavailable: 3 };
  expect(read(text)).toEqual({ tag: 'request', request: { ...expected, drainSeconds: 60 } });
});

it.each([
  ['an unknown option', '{"drain":1}', /Invalid key/],
  ['half an object', '{"force":', /JSON/],
  ['no node at a time', '{"maxUnavailable":0}', /Invalid value/],
  ['a part of a second', '{"drainSeconds":0.5}', /Invalid integer/],
  ['more than a week', '{"waitSeconds":604801}', /Invalid value/],
  ['a long text', 'x'.repeat(1025), /1024 characters/],
])('is not valid with %s', (_, text, why) => {
  expect(read(text)).toEqual({ tag: 'invalid', why: expect.stringMatching(why) as unknown });
});

it('is not valid for both at once', () => {
  const both = { [REQUESTS.reboot]: '', [REQUESTS.poweroff]: '' };
  expect(readRequest(both, DEFAULTS)).toMatchObject({ tag: 'invalid' });
});

it('is none without an annotation of these names', () => {
  expect(readRequest({ 'kios.dev/other': '' }, DEFAULTS)).toEqual({ tag: 'none' });
});

it.each(['', '{}', 'null', '{"v":2}', '[1', '{"v":1,"phase":"soon"}'])(
  'a turn that no agent wrote is none: %j',
  (text) => expect(parseTurn(text)).toBeUndefined(),
);

import { describe, expect, it } from 'vitest';

import { type Input, type Policy } from '../../src/core/client/model.ts';
import { begin } from '../../src/core/client/start.ts';
import { entry, OPTIONS } from '../../src/core/wire/options.ts';
import { GRANT, KEEP, reply, SERVER, tags } from '../support/fixtures.ts';
import { play } from '../support/play.ts';

const START = 600_000;
const STRANGER = '10.88.0.1';
const UP: Input = { tag: 'carrier', up: true };

/** An offer that names a server, or none, from a sender. */
function offer(server: string | undefined, source = SERVER): Input {
  const id = server === undefined ? [] : [entry(OPTIONS.serverId, server)];
  const made = reply('offer', [...GRANT.slice(1), ...id]);
  return made.tag === 'reply' ? { ...made, reply: { ...made.reply, source } } : made;
}

const heard = (input: Input, lists: Partial<Policy>): string[] => {
  const policy = { ...KEEP, ...lists };
  const [state] = play(begin(undefined), [[START, UP]], policy);
  return tags(play(state, [[START + 1, input]], policy)[1]);
};

describe('a server', () => {
  it.each([
    ['any, without lists', offer(SERVER), {}, true],
    ['an allowed one', offer(SERVER), { allowServers: [STRANGER, SERVER] }, true],
    ['one that is not allowed', offer(STRANGER), { allowServers: [SERVER] }, false],
    ['an allowed one behind a relay', offer(SERVER, STRANGER), { allowServers: [SERVER] }, true],
    ['an allowed one that has no name', offer(undefined), { allowServers: [SERVER] }, true],
    ['a denied one', offer(STRANGER), { denyServers: [STRANGER] }, false],
    [
      'a denied one under another name',
      offer(SERVER, STRANGER),
      { denyServers: [STRANGER] },
      false,
    ],
    ['another than the denied one', offer(SERVER), { denyServers: [STRANGER] }, true],
    [
      'one that is allowed and denied',
      offer(SERVER),
      { allowServers: [SERVER], denyServers: [SERVER] },
      false,
    ],
  ] as const)('that is %s: heard', (_name, input, lists, isHeard) => {
    const events = heard(input, lists);
    expect([events.includes('send'), events.includes('rx.drop')]).toEqual([isHeard, !isHeard]);
  });
});

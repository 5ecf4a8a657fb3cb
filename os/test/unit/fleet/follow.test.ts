import { formatTurn, type NodeView, REQUESTS, TURN, type Turn } from '@kios/node-turn';
import { expect, it } from 'vitest';

import { Followed, isUnbegun, newOrder, type Standing } from '../../../src/fleet/follow.ts';

const NOW = Date.parse('2026-11-28T10:00:00Z');
const order = (action: 'reboot' | 'poweroff' = 'reboot') =>
  newOrder(action, { id: 'mine' }, { waiting: 60_000, draining: 30_000, stopping: 300_000 });
const { text } = order();

/** Returns how a node stands after it was seen so, each so many seconds after the request. */
function look(
  views: readonly (readonly [view: NodeView, seconds: number])[],
  action: 'reboot' | 'poweroff' = 'reboot',
): Standing {
  const followed = new Followed('a', order(action), NOW);
  for (const [view, seconds] of views) followed.see(view, NOW + seconds * 1000);
  return followed.standing;
}

function node(turn?: Partial<Turn>, changes: Partial<NodeView> = {}): NodeView {
  const whole: Turn = {
    v: 1,
    action: 'reboot',
    request: text,
    phase: 'waiting',
    since: new Date(NOW).toISOString(),
    cordoned: false,
    ...turn,
  };
  return {
    name: 'a',
    resourceVersion: '1',
    annotations: {
      [REQUESTS.reboot]: text,
      ...(turn === undefined ? {} : { [TURN]: formatTurn(whole) }),
    },
    isCordoned: false,
    isReady: true,
    isSilent: false,
    bootId: 'b',
    ...changes,
  };
}

it.each([
  ['is not yet seen', node(), 'open', 'is asked'],
  ['waits', node({ message: 'waits for b' }), 'open', 'waits for b'],
  ['is drained', node({ phase: 'draining' }), 'open', 'is cordoned, pods are evicted'],
  ['stops', node({ phase: 'stopping' }), 'open', 'stops'],
  ['was rebooted', node({ phase: 'done' }), 'done', 'was rebooted'],
  ['failed', node({ phase: 'failed', message: 'why' }), 'failed', 'why'],
  ['has an older turn', node({ request: 'other', phase: 'done' }), 'open', 'is asked'],
  [
    'is asked no longer',
    node(undefined, { annotations: {} }),
    'failed',
    'the request was withdrawn',
  ],
])('a node that %s', (_, view, tag, says) => {
  expect(look([[view, 0]])).toMatchObject({ tag, says });
});

it('a node without an agent fails after a minute', () => {
  expect(look([[node(), 60]]).tag).toBe('open');
  expect(look([[node(), 61]]).says).toMatch(/no agent has answered in 60 s/);
});

it('a node that waits and is asked no longer has failed', () => {
  const { [TURN]: turn = '' } = node({}).annotations;
  const view = node(undefined, { annotations: { [TURN]: turn } });
  expect(look([[view, 0]])).toMatchObject({ tag: 'failed', says: 'the request was withdrawn' });
});

it('a node that is not back in time has failed, by the clock of the workstation', () => {
  const view = node({ phase: 'stopping', since: '2001-01-01T00:00:00.000Z' });
  expect(look([[view, 50], [view, 350]]).tag).toBe('open'); // prettier-ignore
  expect(look([[view, 50], [view, 351]]).says).toBe('it is not back after 300 s'); // prettier-ignore
});

it('an agent that lets the time of the pods pass is silent', () => {
  const view = node({ phase: 'draining' });
  expect(look([[view, 0], [view, 90]]).tag).toBe('open'); // prettier-ignore
  expect(look([[view, 0], [view, 91]]).says).toBe('its agent is silent for 91 s'); // prettier-ignore
});

it('a node that is to be off is done when it is silent', () => {
  const stopping = { action: 'poweroff', phase: 'stopping' } as const;
  expect(look([[node(stopping), 0]], 'poweroff').tag).toBe('open');
  const ending = node(stopping, { isReady: false });
  expect(look([[ending, 0]], 'poweroff').tag).toBe('open');
  const silent = node(stopping, { isReady: false, isSilent: true });
  expect(look([[silent, 0]], 'poweroff')).toMatchObject({ tag: 'done', says: 'is off' });
});

it('a request can be taken back until the node is cordoned', () => {
  expect(isUnbegun(node(), order())).toBe(true);
  expect(isUnbegun(node({}), order())).toBe(true);
  expect(isUnbegun(node({ phase: 'draining' }), order())).toBe(false);
  expect(isUnbegun(node({ phase: 'failed' }), order())).toBe(false);
});

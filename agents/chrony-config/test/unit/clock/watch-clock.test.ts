import { expect, it } from 'vitest';

import { lookAtSources } from '../../../src/edge/clock/watch-clock.ts';
import { FakeChronyd } from '../../support/fake-chronyd.ts';

const { signal } = new AbortController();
const server = (isReachable: boolean) => ({ source: '192.0.2.1', isReachable, offset: 0 });

it.each([
  ['asks none yet', { isUp: false }, 'unasked'],
  ['knows none', { known: [] }, 'silent'],
  ['gets no reply', { known: [server(false)] }, 'silent'],
  ['gets one reply', { known: [server(false), server(true)] }, 'replying'],
])('says of a chronyd that %s what its servers do', async (_, state, servers) => {
  const chronyd = Object.assign(new FakeChronyd(), state);
  expect(await lookAtSources(chronyd, false, signal)).toEqual({ servers });
});

it.each([
  ['follows one', { followed: { source: '192.0.2.1', stratum: 2, offset: 0 } }, 2],
  ['follows none any more', { followed: { source: undefined, stratum: 0, offset: 0 } }, undefined],
  ['is down', { isUp: false }, undefined],
])('names the source of a synced clock while chronyd %s', async (_, state, stratum) => {
  const chronyd = Object.assign(new FakeChronyd(), state);
  const sources = await lookAtSources(chronyd, true, signal);
  expect(sources.stratum).toBe(stratum);
  expect(sources).not.toHaveProperty('servers');
});

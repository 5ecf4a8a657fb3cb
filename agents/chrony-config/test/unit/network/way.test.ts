import { ADDRESS_FLAG, FOREVER, type Link, type NetworkEvent, SCOPE } from '@kios/netlink';
import { describe, expect, it } from 'vitest';

import { carriersAfter, opensWay } from '../../../src/core/network/way.ts';

const link = (change: Partial<Link> = {}, gone = false): NetworkEvent => ({
  tag: 'link',
  gone,
  link: {
    index: 2,
    name: 'eth0',
    type: 1,
    mac: '',
    up: true,
    carrier: true,
    mtu: 1500,
    maxMtu: undefined,
    master: undefined,
    kind: undefined,
    ...change,
  },
});
const address = (text: string, more: { scope?: number; flags?: number } = {}, gone = false) =>
  ({
    tag: 'address',
    gone,
    address: {
      ifindex: 2,
      address: text,
      prefix: 24,
      scope: SCOPE.universe,
      protocol: 0,
      validSeconds: FOREVER,
      preferredSeconds: FOREVER,
      ...more,
    },
  }) satisfies NetworkEvent;
const route = (dst: string, gone = false): NetworkEvent => ({
  tag: 'route',
  gone,
  route: { dst, ifindex: 2, metric: 0, protocol: 0, scope: 0 },
});

/** Returns which of the events, in turn, may open a way. */
function opening(...events: readonly NetworkEvent[]): boolean[] {
  let carriers = new Map<number, boolean>() as ReturnType<typeof carriersAfter>;
  return events.map((event) => {
    const opens = opensWay(event, carriers);
    carriers = carriersAfter(carriers, event);
    return opens;
  });
}

describe('a way to time servers may open when', () => {
  it('a link gets its carrier, not each time that it is told of', () => {
    const lost = link({ carrier: false });
    expect(opening(lost, link(), link({ mtu: 9000 }), lost, link())).toEqual([
      false,
      true,
      false,
      false,
      true,
    ]);
  });

  it('a link with the number of one that is gone has its carrier', () => {
    expect(opening(link(), link({}, true), link())).toEqual([true, false, true]);
  });

  it('an address comes that leads beyond the link', () => {
    expect(opening(address('192.0.2.2'), address('2001:db8::2'))).toEqual([true, true]);
  });

  it('a default route comes, of either family', () => {
    expect(opening(route('0.0.0.0/0'), route('::/0'))).toEqual([true, true]);
  });

  it('events were lost', () => expect(opening({ tag: 'overrun' })).toEqual([true]));
});

describe('no way opens when', () => {
  it.each([
    ['a link is down', link({ up: false })],
    ["a pod's port of a bridge comes", link({ master: 5, kind: 'veth' })],
    ['an address of the link alone comes', address('fe80::1', { scope: SCOPE.link })],
    ['an address may still be of another', address('::2', { flags: ADDRESS_FLAG.tentative })],
    ['an address goes', address('192.0.2.2', {}, true)],
    ["a pod's route comes", route('10.85.0.0/16')],
    ['a default route goes', route('0.0.0.0/0', true)],
  ])('%s', (_, event) => expect(opening(event)).toEqual([false]));
});

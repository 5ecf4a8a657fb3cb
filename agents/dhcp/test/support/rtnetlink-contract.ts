import type { Address, Link, Route, Rtnetlink } from '@kios/netlink';
import { FOREVER, SCOPE } from '@kios/netlink';

/** The state of a kernel after the story below. The real one and the fake must agree. */
export interface Outcome {
  readonly link: Pick<Link, 'name' | 'up' | 'mtu'> | undefined;
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly events: readonly string[];
}

export const EXPECTED: Outcome = {
  link: { name: 'eth0', up: true, mtu: 1400 },
  addresses: ['10.0.0.6/24 proto 16 metric 100'],
  routes: [
    '0.0.0.0/0 via 10.0.0.1 src 10.0.0.6 metric 100',
    '172.31.1.1/32 via link src 10.0.0.6 metric 100',
  ],
  events: ['+10.0.0.5', '+10.0.0.6', '-10.0.0.5'],
};

const OURS = 16;

/** Changes an address within its subnet, with routes that must survive it. */
export async function playStory(rtnetlink: Rtnetlink): Promise<Outcome> {
  const stop = new AbortController();
  const events = collect(rtnetlink.events(stop.signal, ['address']));
  const link = (await rtnetlink.links()).find(({ name }) => name === 'eth0');
  if (link === undefined) throw new Error('no eth0');
  const address = (text: string): Address => ({
    ifindex: link.index,
    address: text,
    prefix: 24,
    broadcast: '10.0.0.255',
    scope: SCOPE.universe,
    protocol: OURS,
    metric: 100,
    validSeconds: FOREVER,
    preferredSeconds: FOREVER,
  });
  const route = (dst: string, via: string | undefined, prefsrc: string): Route => ({
    dst,
    via,
    ifindex: link.index,
    prefsrc,
    metric: 100,
    protocol: OURS,
    scope: via === undefined ? SCOPE.link : SCOPE.universe,
  });
  await rtnetlink.changeLink(link.index, { up: true, mtu: 1400, promoteSecondaries: true });
  await rtnetlink.replaceAddress(address('10.0.0.5'));
  await rtnetlink.replaceRoute(route('0.0.0.0/0', '10.0.0.1', '10.0.0.5'));
  await rtnetlink.replaceRoute(route('10.9.0.0/16', '10.0.0.1', '10.0.0.5'));
  await rtnetlink.replaceAddress(address('10.0.0.6'));
  await rtnetlink.replaceRoute(route('172.31.1.1/32', undefined, '10.0.0.6'));
  await rtnetlink.replaceRoute(route('0.0.0.0/0', '10.0.0.1', '10.0.0.6'));
  await rtnetlink.deleteRoute(route('10.9.0.0/16', '10.0.0.1', '10.0.0.5'));
  await rtnetlink.deleteAddress(address('10.0.0.5'));
  const after = (await rtnetlink.links()).find(({ index }) => index === link.index);
  const outcome = {
    link: after && { name: after.name, up: after.up, mtu: after.mtu },
    addresses: (await rtnetlink.addresses())
      .filter(({ protocol }) => protocol === OURS)
      .map((each) => `${each.address}/${each.prefix} proto ${each.protocol} metric ${each.metric}`),
    routes: (await rtnetlink.routes())
      .filter(({ protocol }) => protocol === OURS)
      .map(
        ({ dst, via = 'link', prefsrc, metric }) =>
          `${dst} via ${via} src ${prefsrc} metric ${metric}`,
      )
      .toSorted(),
  };
  const seen = await events(EXPECTED.events.length);
  stop.abort();
  rtnetlink.close();
  return { ...outcome, events: seen };
}

/** Returns the first `count` address changes. */
function collect(events: ReturnType<Rtnetlink['events']>): (count: number) => Promise<string[]> {
  const seen: string[] = [];
  return async (count) => {
    for await (const event of events) {
      if (event.tag === 'address') seen.push(`${event.gone ? '-' : '+'}${event.address.address}`);
      if (seen.length >= count) break;
    }
    return seen;
  };
}

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FOREVER, openRtnetlink, type Rtnetlink } from '../../src/index.ts';
import { openRules, type Rules } from '../../src/rules.ts';
import { type LinkState, openVirtualLinks, type VirtualLinks } from '../../src/virtual-links.ts';
import { EXPECTED, playStory, TABLE } from '../support/layer3-contract.ts';

const NAME = 'layer3';

let links: VirtualLinks;
let rtnetlink: Rtnetlink;
let rules: Rules;
let link: LinkState;

beforeEach(async () => {
  links = openVirtualLinks();
  rtnetlink = openRtnetlink();
  rules = openRules();
  await links.make({ kind: 'bridge', name: NAME, settings: {} });
  link = await read();
  await rtnetlink.changeLink(link.index, { up: true });
});

/** Takes back what does not go with the link. */
async function clear(): Promise<void> {
  for (const family of ['ipv4', 'ipv6'] as const) {
    for (const rule of await rules.list(family)) if (rule.table === TABLE) await rules.delete(rule);
    for (const route of await rtnetlink.allRoutes(family))
      if (route.table === TABLE) await rtnetlink.deleteRoute(route);
  }
}

afterEach(async () => {
  await clear();
  await links.delete(link.index);
  links[Symbol.dispose]();
  rules[Symbol.dispose]();
  rtnetlink.close();
});

async function read(): Promise<LinkState> {
  const found = (await links.list()).find(({ name }) => name === NAME);
  if (found === undefined) throw new Error(`no link ${NAME}`);
  return found;
}

describe('the kernel', () => {
  it('follows the contract of addresses, routes and rules', async () => {
    expect(await playStory(rtnetlink, rules, link.index)).toEqual(EXPECTED);
  });

  it('says when it takes back what it had', async () => {
    const stop = new AbortController();
    const kinds = ['address6', 'route6'] as const;
    const changes = rules.changes(stop.signal);
    const events = rtnetlink.events(stop.signal, kinds);
    const address = {
      ifindex: link.index,
      address: '2001:db8:78::5',
      prefix: 64,
      scope: 0,
      protocol: 107,
      validSeconds: FOREVER,
      preferredSeconds: FOREVER,
    };
    const rule = { family: 'ipv6', table: TABLE, from: '2001:db8:78::/64', protocol: 107 } as const;
    await rules.add(rule);
    await rtnetlink.replaceAddress(address);
    await rtnetlink.deleteAddress(address);
    await rules.delete(rule);
    const gone: string[] = [];
    for await (const event of events) {
      if (event.tag === 'overrun' || !event.gone) continue;
      if (event.tag === 'address') gone.push(event.address.address);
      if (event.tag === 'route') gone.push(event.route.dst);
      if (gone.includes('2001:db8:78::5') && gone.includes('2001:db8:78::/64')) break;
    }
    let count = 0;
    for await (const _ of changes) if (++count === 2) break;
    stop.abort();
    expect(count).toBe(2);
  });

  it('sets how a link makes its own IPv6 addresses', async () => {
    await rtnetlink.changeLink(link.index, { generation: 'none', token: '::77' });
    expect((await read()).ipv6).toEqual({ generation: 'none', token: '::77' });
    await rtnetlink.changeLink(link.index, { generation: 'eui64', token: '::' });
    expect((await read()).ipv6).toEqual({ generation: 'eui64', token: '::' });
    await expect(
      rtnetlink.changeLink(link.index, { generation: 'stable-privacy' }),
    ).rejects.toThrow(/set generation of link \d+: .*EINVAL/);
  });
});

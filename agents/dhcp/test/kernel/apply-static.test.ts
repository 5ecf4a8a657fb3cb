import { createLogger } from '@kios/agent';
import { ADDRESS_FLAG, openRtnetlink, type Route, type Rtnetlink } from '@kios/netlink';
import { describeRule, openRules, type Rules } from '@kios/netlink/rules';
import { type LinkState, openVirtualLinks, type VirtualLinks } from '@kios/netlink/virtual-links';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { STATIC } from '../../src/core/kernel/marks.ts';
import { type AppliedStatic, StaticNetwork } from '../../src/edge/network/apply-static.ts';
import { CONF, readSysctl } from '../../src/edge/network/sysctls.ts';
import { readLinks } from '../support/network/read-file.ts';

/** Bridges that stand in for cards, of which the guest has none. */
const CARDS = ['static0', 'static1'] as const;
/** Another table than that of any other test in the guest. */
const TABLE = 5077;

let links: VirtualLinks;
let rtnetlink: Rtnetlink;
let rules: Rules;
let network: StaticNetwork;
let lines: string[];

beforeEach(async () => {
  links = openVirtualLinks();
  rtnetlink = openRtnetlink();
  rules = openRules();
  lines = [];
  const log = createLogger('test', { stdout: { write: (line) => lines.push(line) } });
  network = new StaticNetwork({ rtnetlink, rules, links, log, secret: '2001:db8::5ec' });
  for (const name of CARDS) {
    await links.make({ kind: 'bridge', name, settings: {} });
    await rtnetlink.changeLink((await named(name)).index, { up: true });
  }
});

afterEach(async () => {
  await network.apply([]);
  const left = Object.values(await state()).flat();
  if (left.length > 0) throw new Error(`left behind: ${left.join('; ')}`);
  for (const name of CARDS) await links.delete((await named(name)).index);
  for (const each of [links, rules]) each[Symbol.dispose]();
  rtnetlink.close();
});

async function named(name: string): Promise<LinkState> {
  const found = (await links.list()).find((link) => link.name === name);
  if (found === undefined) throw new Error(`no link ${name}`);
  return found;
}

async function apply(text: string): Promise<AppliedStatic> {
  const configured = [];
  for (const [at, settings] of readLinks(text).entries()) {
    const { index } = await named(settings.id);
    configured.push({ settings, ifindex: index, metric: 100 + 10 * at });
  }
  const applied = await network.apply(configured);
  const failures = lines.filter((line) => line.includes('static.fail'));
  expect(failures).toEqual([]);
  return applied;
}

/** Comes again at each event, as the agent does, until nothing waits any more. */
async function settle(text: string): Promise<void> {
  const stop = AbortSignal.timeout(30_000);
  const events = rtnetlink.events(stop, ['address6']);
  if ((await apply(text)).waiting.length === 0) return;
  for await (const _ of events) if ((await apply(text)).waiting.length === 0) return;
  throw new Error('something waits for ever');
}

const confOf = (setting: string): string | undefined => readSysctl(CONF, 'static1', setting);

const ours = <Item extends { readonly protocol: number }>(items: readonly Item[]): Item[] =>
  items.filter(({ protocol }) => protocol === STATIC);

const both = async <Item extends { readonly protocol: number }>(
  list: (family: 'ipv4' | 'ipv6') => Promise<Item[]>,
): Promise<Item[]> => ours([...(await list('ipv4')), ...(await list('ipv6'))]);

const routes = (): Promise<Route[]> => both((family) => rtnetlink.allRoutes(family));

/** Returns all that has our mark, in words. */
async function state(): Promise<Record<'addresses' | 'routes' | 'rules', string[]>> {
  return {
    addresses: (await both((family) => rtnetlink.addresses(family)))
      .map(({ address, prefix }) => `${address}/${prefix}`)
      .toSorted(),
    routes: (await routes())
      .map(({ type = 'unicast', dst, via, table = 254, metric }) =>
        [type, dst, via ?? '-', table, metric].join(' '),
      )
      .toSorted(),
    rules: (await both((family) => rules.list(family))).map(describeRule).toSorted(),
  };
}

const FIRST = ` {
  static0: {
    addresses: [
      10.44.0.5/24, { 10.44.0.6/24: { label: "static0:1" } }, "2001:db8:44::5/64",
      { "2001:db8:44::6/64": { lifetime: "0" } }
    ],
    routes: [
      { to: default, via: 10.44.0.1, mtu: 1400, advertised-mss: 1300, congestion-window: 20 },
      { to: default, via: "2001:db8:44::1", from: "2001:db8:44::5" },
      { to: 198.51.100.0/24, via: 203.0.113.1, on-link: true, table: ${TABLE} },
      { to: "2001:db8:45::/48", via: "fe80::1", table: ${TABLE}, metric: 0 },
      { to: 192.0.2.0/24, type: blackhole, table: ${TABLE} },
      { to: "2001:db8:46::/48", type: unreachable },
      { to: 10.45.0.0/16, scope: link }
    ],
    routing-policy: [
      { from: 10.44.0.5, table: ${TABLE} }, { to: 10.45.0.0/16, table: ${TABLE}, priority: 500, mark: 7 },
      { from: "2001:db8:44::/64", table: ${TABLE}, priority: 501 }
    ]
  },
  static1: { addresses: [10.46.0.5/24] }
 }`;

describe("the kernel's addresses, routes and rules", () => {
  it('become those of the file, in both families', async () => {
    await settle(FIRST);
    expect(await state()).toEqual({
      addresses: [
        '10.44.0.5/24',
        '10.44.0.6/24',
        '10.46.0.5/24',
        '2001:db8:44::5/64',
        '2001:db8:44::6/64',
      ],
      routes: [
        `blackhole 192.0.2.0/24 - ${TABLE} 100`,
        `unicast 0.0.0.0/0 10.44.0.1 254 100`,
        `unicast 10.45.0.0/16 - 254 100`,
        `unicast 198.51.100.0/24 203.0.113.1 ${TABLE} 100`,
        `unicast 2001:db8:45::/48 fe80::1 ${TABLE} 1024`,
        `unicast ::/0 2001:db8:44::1 254 100`,
        `unreachable 2001:db8:46::/48 - 254 100`,
      ],
      rules: [
        expect.stringMatching(/^priority \d+ from 10\.44\.0\.5\/32 table/),
        `priority 500 to 10.45.0.0/16 fwmark 7 table ${TABLE}`,
        `priority 501 from 2001:db8:44::/64 table ${TABLE}`,
      ],
    });
    const deprecated = (await rtnetlink.addresses('ipv6')).find(
      ({ address }) => address === '2001:db8:44::6',
    );
    expect((deprecated?.flags ?? 0) & ADDRESS_FLAG.deprecated).not.toBe(0);
  });

  it('stay as they are when the same file comes again', async () => {
    await settle(FIRST);
    const done = lines.length;
    expect(await apply(FIRST)).toEqual({ settled: true, waiting: [], obstacles: [] });
    expect(lines).toHaveLength(done);
  });

  it('of a second file take the place of the first, and nothing else does', async () => {
    const { index } = await named('static0');
    const foreign = {
      ifindex: index,
      dst: '10.47.0.0/16',
      metric: 3,
      protocol: 4,
      scope: 253,
      table: TABLE,
    };
    const rule = { family: 'ipv4', from: '10.44.0.5/32', table: TABLE, protocol: 4 } as const;
    await settle(FIRST);
    await rtnetlink.addRoute(foreign);
    await rules.add({ ...rule, priority: 500 });
    const second = `{ static0: {
      addresses: [10.44.0.6/24, "2001:db8:44::5/48"],
      routes: [
        { to: default, via: 10.44.0.2 }, { to: default, via: "2001:db8:44::2" },
        { to: 192.0.2.0/24, type: prohibit, table: ${TABLE} }
      ],
      routing-policy: [{ from: 10.44.0.6, table: ${TABLE}, priority: 500 }]
    } }`;
    await settle(second);
    expect(await state()).toEqual({
      // The second address of the prefix is not gone with the first.
      addresses: ['10.44.0.6/24', '2001:db8:44::5/48'],
      routes: [
        `prohibit 192.0.2.0/24 - ${TABLE} 100`,
        'unicast 0.0.0.0/0 10.44.0.2 254 100',
        'unicast ::/0 2001:db8:44::2 254 100',
      ],
      rules: [`priority 500 from 10.44.0.6/32 table ${TABLE}`],
    });
    expect(await rtnetlink.allRoutes('ipv4')).toContainEqual(expect.objectContaining(foreign));
    expect(await rules.list('ipv4')).toContainEqual(expect.objectContaining(rule));
    await rules.delete({ ...rule, priority: 500 });
  });

  it('take over an address that somebody gave the link by hand', async () => {
    const { index } = await named('static1');
    const address = {
      ifindex: index,
      prefix: 24,
      scope: 0,
      protocol: 0,
      validSeconds: 600,
      preferredSeconds: 600,
    };
    await rtnetlink.replaceAddress({ ...address, address: '10.48.0.5' });
    await rtnetlink.replaceAddress({ ...address, address: '2001:db8:48::5', prefix: 64 });
    const stop = new AbortController();
    const events = rtnetlink.events(stop.signal, ['address', 'address6']);
    await settle('{ static1: { addresses: [10.48.0.5/24, "2001:db8:48::5/64"] } }');
    expect((await state()).addresses).toEqual(['10.48.0.5/24', '2001:db8:48::5/64']);
    // The last change of all shows that no deletion came before it.
    await rtnetlink.replaceAddress({ ...address, address: '10.48.9.9' });
    for await (const event of events) {
      if (event.tag !== 'address') continue;
      expect(event.gone).toBe(false);
      if (event.address.address === '10.48.9.9') break;
    }
    stop.abort();
  });

  it('come back when the link was down', async () => {
    await settle(FIRST);
    const before = await state();
    const { index } = await named('static0');
    await rtnetlink.changeLink(index, { up: false });
    expect((await apply(FIRST)).waiting).not.toEqual([]);
    await rtnetlink.changeLink(index, { up: true });
    await settle(FIRST);
    expect(await state()).toEqual(before);
  });

  it('have the settings of IPv6 that the file says, and get the old ones back', async () => {
    const index = (await named('static1')).index;
    const six = async (): Promise<string[]> =>
      (await rtnetlink.addresses('ipv6'))
        .filter(({ ifindex }) => ifindex === index)
        .map(({ address }) => address);
    const privacy = confOf('use_tempaddr');
    const first = '{ static1: { accept-ra: true, ipv6-privacy: true, ipv6-mtu: 1300';
    await settle(`${first}, ipv6-address-token: "::7" } }`);
    expect((await named('static1')).ipv6).toEqual({ generation: 'eui64', token: '::7' });
    expect([confOf('accept_ra'), confOf('mtu')]).toEqual(['2', '1300']);
    const own = await six();
    await settle(`${first}, ipv6-address-generation: stable-privacy } }`);
    expect((await named('static1')).ipv6).toEqual({ generation: 'stable-privacy', token: '::' });
    expect((await six()).filter((address) => !own.includes(address))).toHaveLength(1);
    await settle(`{ static1: { link-local: [], addresses: ["2001:db8:49::5/64"] } }`);
    expect(await six()).toEqual(['2001:db8:49::5']);
    expect([confOf('use_tempaddr'), confOf('mtu')]).toEqual([privacy, '1500']);
    expect((await named('static1')).ipv6).toEqual({ generation: 'none', token: '::' });
    await settle('{ static1: {} }');
    expect((await named('static1')).ipv6?.generation).toBe('eui64');
    expect(await six()).toEqual([expect.stringMatching(/^fe80::/)]);
  });
});

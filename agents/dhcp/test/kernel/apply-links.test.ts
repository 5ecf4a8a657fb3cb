import { createLogger } from '@kios/agent';
import { openRtnetlink, type Rtnetlink } from '@kios/netlink';
import { type LinkState, openVirtualLinks, type VirtualLinks } from '@kios/netlink/virtual-links';
import { type NetworkConfig, readNetworkConfig } from '@kios/network-config';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { type AppliedLinks, applyLinks } from '../../src/edge/network/apply-links.ts';

// An emulated kernel takes its time.
vi.setConfig({ testTimeout: 120_000 });

/** Bridges that stand in for cards, of which the guest has none. A bond takes them in. */
const CARDS = ['card0', 'card1'] as const;

let links: VirtualLinks;
let rtnetlink: Rtnetlink;

beforeEach(async () => {
  links = openVirtualLinks();
  rtnetlink = openRtnetlink();
  for (const name of CARDS) await links.make({ kind: 'bridge', name, settings: {} });
});

afterEach(async () => {
  await carryOut({ links: [] });
  for (const name of CARDS) await links.delete((await named(name)).index);
  links[Symbol.dispose]();
  rtnetlink.close();
});

type Outcome = Omit<AppliedLinks, 'links'>;

const isCard = (name: string): boolean => /^(?:card\d|lan)$/.test(name);

async function apply(text: string): Promise<Outcome> {
  const reading = readNetworkConfig(text);
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  return carryOut(reading.config);
}

async function carryOut(config: NetworkConfig): Promise<Outcome> {
  const lines: string[] = [];
  const applied = await applyLinks(config, {
    links,
    rtnetlink,
    log: createLogger('test', { stdout: { write: (line) => lines.push(line) } }),
    deviceOf: (name) => (isCard(name) ? { driver: undefined, path: undefined } : undefined),
  });
  if (!applied.settled) throw new Error(lines.join(''));
  const { links: _, ...outcome } = applied;
  return outcome;
}

async function named(name: string): Promise<LinkState> {
  const found = (await links.list()).find((link) => link.name === name);
  if (found === undefined) throw new Error(`no link ${name}`);
  return found;
}

const bridge = (more: string): string =>
  `network: { version: 2, bridges: { br7: { mtu: 1400, macaddress: "02:00:00:00:00:77", ${more} } } }`;

const renamed = (name: string): string =>
  `network: { version: 2, ethernets: { one: { match: { macaddress: "${MAC}" }, set-name: ${name} } } }`;

const MAC = '02:00:00:00:0a:01';
const SETTLED = { settled: true, waiting: [], obstacles: [] };

const BOND = `
network:
  version: 2
  ethernets: { card0: {}, card1: {} }
  bonds:
    bond7:
      interfaces: [card0, card1]
      parameters: { mode: active-backup, primary: card1, mii-monitor-interval: 200 }
  vlans: { bond7.9: { id: 9, link: bond7 } }
`;

describe("the kernel's links", () => {
  it('become a bond of two with a VLAN on it', async () => {
    expect(await apply(BOND)).toEqual(SETTLED);
    const bond = await named('bond7');
    const card1 = await named('card1');
    expect(bond).toMatchObject({ up: true, settings: { mode: 1, miimon: 200 } });
    expect(bond.settings['primary']).toBe(card1.index);
    expect([card1.master, (await named('card0')).master]).toEqual([bond.index, bond.index]);
    expect(await named('bond7.9')).toMatchObject({ parent: bond.index, settings: { id: 9 } });
  });

  it('change the mode of a bond, which keeps its VLAN', async () => {
    await apply(BOND);
    const parameters = 'mode: active-backup, primary: card1, mii-monitor-interval: 200';
    expect(await apply(BOND.replace(parameters, 'mode: 802.3ad, lacp-rate: fast'))).toEqual(
      SETTLED,
    );
    const bond = await named('bond7');
    expect(bond.settings).toMatchObject({ mode: 4, lacpRate: 1, miimon: 100 });
    expect((await named('bond7.9')).parent).toBe(bond.index);
  });

  it('go with the file, and leave what others made', async () => {
    await links.make({ kind: 'bridge', name: 'cni7', settings: {} });
    await apply(BOND);
    expect(await apply('network: { version: 2, ethernets: { card0: {} } }')).toEqual(SETTLED);
    const left = (await links.list()).map(({ name }) => name);
    expect(left).toEqual(expect.arrayContaining(['card0', 'card1', 'cni7']));
    expect(left).not.toContain('bond7');
    await links.delete((await named('cni7')).index);
  });

  it('have their bridge, whose settings change while it is in use', async () => {
    expect(await apply(bridge('parameters: { priority: 4096 }'))).toEqual(SETTLED);
    const { index } = await named('br7');
    expect(await apply(bridge('parameters: { ageing-time: 20, forward-delay: 4 }'))).toEqual(
      SETTLED,
    );
    expect(await named('br7')).toMatchObject({
      index,
      mtu: 1400,
      mac: '02:00:00:00:00:77',
      settings: { stp: 0, ageingTime: 2000, forwardDelay: 400 },
    });
  });

  it('swap names', async () => {
    const { index } = await named('card0');
    await rtnetlink.changeLink(index, { mac: MAC });
    expect(await apply(renamed('lan'))).toEqual(SETTLED);
    expect((await named('lan')).index).toBe(index);
    expect(await apply(renamed('card0'))).toEqual(SETTLED);
  });
});

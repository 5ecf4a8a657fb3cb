import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { openRtnetlink, type Rtnetlink } from '../../src/index.ts';
import {
  type LinkState,
  openVirtualLinks,
  type VirtualLink,
  type VirtualLinks,
} from '../../src/virtual-links.ts';

/** Each test makes its links in the guest's only network, and leaves none. */
let links: VirtualLinks;
let rtnetlink: Rtnetlink;
const made: string[] = [];

beforeEach(() => {
  links = openVirtualLinks();
  rtnetlink = openRtnetlink();
});

afterEach(async () => {
  for (const name of made.splice(0).toReversed()) await links.delete((await named(name)).index);
  links[Symbol.dispose]();
  rtnetlink.close();
});

async function named(name: string): Promise<LinkState> {
  const found = (await links.list()).find((link) => link.name === name);
  if (found === undefined) throw new Error(`no link ${name}`);
  return found;
}

async function make(link: VirtualLink): Promise<LinkState> {
  await links.make(link);
  made.push(link.name);
  return named(link.name);
}

const bridge = (name: string): VirtualLink => ({ kind: 'bridge', name, settings: {} });

describe('the kernel', () => {
  it('makes a bond with every setting that its mode takes', async () => {
    const settings = { mode: 4, miimon: 100, upDelay: 200, downDelay: 200, minLinks: 1 };
    const more = { lacpRate: 1, xmitHashPolicy: 1, adSelect: 1, allActive: 0, resendIgmp: 3 };
    const bond = await make({ kind: 'bond', name: 'b1', settings: { ...settings, ...more } });
    expect(bond.kind).toBe('bond');
    expect(bond.settings).toMatchObject({ ...settings, ...more });
  });

  it('makes a bond that asks by ARP', async () => {
    const settings = { mode: 1, arpInterval: 500, arpValidate: 3, failOverMac: 1 };
    const arpTargets = ['10.0.0.1', '10.0.0.2'];
    const bond = await make({ kind: 'bond', name: 'b2', settings, arpTargets });
    expect(bond.settings).toMatchObject(settings);
  });

  it('makes a bridge without a delay, and sets it later', async () => {
    const settings = { stp: 0, forwardDelay: 0, ageingTime: 30_000, priority: 4096 };
    const mac = '02:00:00:00:00:07';
    const made = await make({ kind: 'bridge', name: 'br1', mac, mtu: 1400, settings });
    expect(made).toMatchObject({ mac, mtu: 1400, settings });
    await links.set({ kind: 'bridge', name: 'br1', settings: { priority: 8192 } });
    expect((await named('br1')).settings).toEqual({ ...made.settings, priority: 8192 });
  });

  it('makes a VLAN on a link', async () => {
    const parent = await make(bridge('br2'));
    const vlan = await make({
      kind: 'vlan',
      name: 'br2.42',
      parent: parent.index,
      settings: { id: 42 },
    });
    expect(vlan).toMatchObject({ parent: parent.index, settings: { id: 42 } });
  });

  it('puts a link into a bond and out again', async () => {
    const bond = await make({ kind: 'bond', name: 'b3', settings: { mode: 1 } });
    const port = await make(bridge('br3'));
    await rtnetlink.changeLink(port.index, { master: bond.index });
    expect((await named('br3')).master).toBe(bond.index);
    await links.set({ kind: 'bond', name: 'b3', settings: { primary: port.index } });
    expect((await named('b3')).settings['primary']).toBe(port.index);
    await rtnetlink.changeLink(port.index, { master: 0 });
    expect((await named('br3')).master).toBeUndefined();
  });

  it('gives a link another name and hardware address', async () => {
    const { index } = await make(bridge('br4'));
    made.pop();
    await rtnetlink.changeLink(index, { name: 'lan', mac: '02:00:00:00:00:09' });
    made.push('lan');
    expect(await named('lan')).toMatchObject({ index, mac: '02:00:00:00:00:09' });
  });

  it('names what it refuses', async () => {
    const parent = await make(bridge('br5'));
    await expect(links.make(bridge('br5'))).rejects.toThrow(/make bridge br5.*EEXIST/);
    const vlan = { kind: 'vlan', name: 'v', parent: parent.index, settings: { id: 4095 } } as const;
    await expect(links.make(vlan)).rejects.toThrow(/make vlan v: .*ERANGE/);
  });
});

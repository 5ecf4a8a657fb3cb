import { describe, expect, it } from 'vitest';

import { OwnLinks } from '../../src/edge/client/own-links.ts';
import { LINK } from '../support/fixtures.ts';

const SECOND = { ...LINK, index: 3, name: 'eth1', mac: '02:00:00:00:00:11' };
const NEW_MAC = '02:00:00:00:00:12';
const ADDRESS = '10.0.0.5';

describe('the links of this host', () => {
  it('are known by their present hardware addresses', () => {
    const links = new OwnLinks();
    links.seeAll([LINK, SECOND]);
    links.see({ ...SECOND, mac: NEW_MAC });
    expect([...links.around('eth0').macs]).toEqual([LINK.mac, NEW_MAC]);
    links.forget(SECOND);
    expect([...links.around('eth0').macs]).toEqual([LINK.mac]);
  });

  it('lose those that are not listed any more', () => {
    const links = new OwnLinks();
    links.seeAll([LINK, SECOND]);
    links.seeAll([SECOND]);
    expect([...links.around('eth0').macs]).toEqual([SECOND.mac]);
  });

  it('have a carrier of their own', () => {
    const links = new OwnLinks();
    links.seeAll([LINK, SECOND]);
    expect(links.hasCarrier(LINK)).toBe(true);
    expect(links.hasCarrier({ ...LINK, carrier: false })).toBe(false);
    expect(links.hasCarrier({ ...LINK, up: false })).toBe(false);
  });

  it('have that of their uplinks alone, where pods keep a bridge up', () => {
    const links = new OwnLinks();
    const bridge = { ...LINK, index: 9, name: 'br0', kind: 'bridge' };
    const [cable, pod] = [
      { ...LINK, master: 9 },
      { ...SECOND, master: 9 },
    ];
    links.seeAll([bridge, cable, pod]);
    expect([links.hasCarrier(bridge), links.hasCarrier(bridge, [2])]).toEqual([true, true]);
    links.see({ ...cable, carrier: false });
    expect([links.hasCarrier(bridge), links.hasCarrier(bridge, [2])]).toEqual([false, false]);
    // A second uplink, whatever its hardware address.
    expect(links.hasCarrier(bridge, [2, 3])).toBe(true);
    // A card that is not there.
    expect(links.hasCarrier(bridge, [])).toBe(false);
  });

  it("have that of the card beside the host's own port of Open vSwitch", () => {
    const links = new OwnLinks();
    const own = { ...LINK, index: 9, name: 'br-ex', kind: 'openvswitch' };
    const datapath = { ...SECOND, index: 8, name: 'ovs-system', kind: 'openvswitch' };
    links.seeAll([own, datapath, { ...LINK, master: 8 }]);
    expect(links.hasCarrier(own)).toBe(true);
    links.see({ ...LINK, master: 8, carrier: false });
    expect(links.hasCarrier(own)).toBe(false);
  });

  it('hold addresses that no other link gets', () => {
    const links = new OwnLinks();
    links.claim(ADDRESS, 'eth0');
    expect(links.around('eth1').leased.get(ADDRESS)).toBe('eth0');
    expect(links.around('eth0').leased.size).toBe(0);
  });

  it('hold one address each, until they give it up', () => {
    const links = new OwnLinks();
    links.claim(ADDRESS, 'eth0');
    links.claim('10.0.0.6', 'eth0');
    expect([...links.around('eth1').leased.keys()]).toEqual(['10.0.0.6']);
    links.release('eth0');
    expect(links.around('eth1').leased.size).toBe(0);
  });
});

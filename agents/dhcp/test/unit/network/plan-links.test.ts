import { type NetworkConfig, readNetworkConfig } from '@kios/network-config';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { GROUP, planLinks } from '../../../src/core/network/plan-links.ts';
import { card, ModelKernel } from '../../support/network/model-kernel.ts';

const ROUNDS = 12;

function read(text: string): NetworkConfig {
  const reading = readNetworkConfig(text);
  if (!reading.ok) throw new Error(JSON.stringify(reading.faults));
  return reading.config;
}

/** Carries plans out until none has a step. Returns the last one. */
function settle(kernel: ModelKernel, config: NetworkConfig): ReturnType<typeof planLinks> {
  for (let round = 0; round < ROUNDS; round++) {
    const plan = planLinks(config, kernel.links);
    if (plan.steps.length === 0) return plan;
    for (const step of plan.steps) kernel.carryOut(step);
  }
  throw new Error(`not settled: ${kernel.done.join('; ')}`);
}

const named = (kernel: ModelKernel, name: string) =>
  kernel.links.find((link) => link.name === name);

const BOND = `
network:
  version: 2
  ethernets:
    one: { match: { macaddress: "02:00:00:00:00:02" } }
    two: { match: { macaddress: "02:00:00:00:00:03" } }
  bonds:
    bond0:
      interfaces: [one, two]
      parameters: { mode: active-backup, primary: two }
  vlans:
    v7: { id: 7, link: bond0 }
`;

const BRIDGE = `
network:
  version: 2
  ethernets: { eth0: {} }
  bridges: { br0: { interfaces: [eth0], dhcp4: true } }
`;

describe('the plan for links', () => {
  it('makes a bond of two cards and a VLAN on it', () => {
    const kernel = new ModelKernel([card(2, 'eth0', { up: true }), card(3, 'eth1')]);
    expect(settle(kernel, read(BOND))).toMatchObject({ waiting: [], obstacles: [] });
    const bond = named(kernel, 'bond0');
    expect(bond).toMatchObject({ kind: 'bond', up: true, settings: { mode: 1, primary: 3 } });
    expect(named(kernel, 'eth0')).toMatchObject({ master: bond?.index, up: true });
    expect(named(kernel, 'v7')).toMatchObject({ parent: bond?.index, up: true });
  });

  it('leaves what others connect to a bridge, and takes cards out that the file no longer has', () => {
    const kernel = new ModelKernel([card(2, 'eth0', { up: true }), card(3, 'eth1', { up: true })]);
    settle(
      kernel,
      read(BRIDGE.replace('[eth0]', '[eth0, eth1]').replace('eth0: {}', 'eth0: {}, eth1: {}')),
    );
    const master = named(kernel, 'br0')?.index;
    kernel.links.push(card(9, 'veth1', { up: true, isHardware: false, kind: 'veth', master }));
    settle(kernel, read(BRIDGE));
    expect(named(kernel, 'veth1')?.master).toBe(master);
    expect(named(kernel, 'eth1')?.master).toBeUndefined();
  });

  it('waits for a card, and goes on when it comes', () => {
    const kernel = new ModelKernel([card(2, 'eth0')]);
    expect(settle(kernel, read(BOND)).waiting).toEqual(['two']);
    kernel.links.push(card(3, 'eth1'));
    expect(settle(kernel, read(BOND)).waiting).toEqual([]);
    expect(named(kernel, 'eth1')?.master).toBe(named(kernel, 'bond0')?.index);
  });

  it('gives a bridge the hardware address of its first port, which later ports do not change', () => {
    const kernel = new ModelKernel([card(9, 'eth0')]);
    settle(kernel, read(BRIDGE));
    expect(named(kernel, 'br0')).toMatchObject({
      mac: '02:00:00:00:00:09',
      settings: { stp: 0, forwardDelay: 0 },
    });
  });

  it('makes a bond anew when its mode changes', () => {
    const kernel = new ModelKernel([card(2, 'eth0'), card(3, 'eth1')]);
    settle(kernel, read(BOND));
    settle(kernel, read(BOND.replace('mode: active-backup, primary: two', 'mode: 802.3ad')));
    expect(named(kernel, 'bond0')?.settings).toMatchObject({ mode: 4 });
    expect(named(kernel, 'v7')?.parent).toBe(named(kernel, 'bond0')?.index);
  });

  it('deletes what the file no longer has', () => {
    const kernel = new ModelKernel([card(2, 'eth0'), card(3, 'eth1')]);
    settle(kernel, read(BOND));
    settle(kernel, read('network: { version: 2, ethernets: { eth0: {} } }'));
    expect(kernel.links.map(({ name, master }) => [name, master])).toEqual([
      ['eth0', undefined],
      ['eth1', undefined],
    ]);
  });

  it('takes a port out of a bridge that no longer has it', () => {
    const kernel = new ModelKernel([card(2, 'eth0'), card(3, 'eth1')]);
    settle(
      kernel,
      read(BRIDGE.replace('[eth0]', '[eth0, eth1]').replace('eth0: {}', 'eth0: {}, eth1: {}')),
    );
    expect(named(kernel, 'eth1')?.master).toBe(named(kernel, 'br0')?.index);
    settle(kernel, read(BRIDGE));
    expect(named(kernel, 'eth1')?.master).toBeUndefined();
  });

  it('lets cards change their names among each other', () => {
    const kernel = new ModelKernel([card(2, 'eth0'), card(3, 'eth1')]);
    const text = `
network:
  version: 2
  ethernets:
    a: { match: { macaddress: "02:00:00:00:00:02" }, set-name: eth1 }
    b: { match: { macaddress: "02:00:00:00:00:03" }, set-name: eth0 }
`;
    settle(kernel, read(text));
    expect(kernel.links.map(({ index, name }) => [index, name])).toEqual([
      [2, 'eth1'],
      [3, 'eth0'],
    ]);
  });

  it('does not touch links of others, and names what is in the way', () => {
    const others = [
      card(2, 'eth0', { master: 8 }),
      card(7, 'bond0', { isHardware: false, kind: 'bond' }),
      card(8, 'cilium', { isHardware: false, kind: 'bridge' }),
      card(9, 'cni0', { isHardware: false, kind: 'bridge' }),
    ];
    const kernel = new ModelKernel(others);
    const text = `
network:
  version: 2
  ethernets: { eth0: {} }
  bonds: { bond0: { interfaces: [] } }
  bridges: { br0: { interfaces: [eth0] } }
`;
    const { obstacles } = settle(kernel, read(text));
    expect(obstacles).toEqual([
      { id: 'bond0', why: 'another link has its name' },
      { id: 'eth0', why: 'it is in cilium, which others made' },
    ]);
    expect(
      kernel.links
        .filter(({ group }) => group !== GROUP)
        .map(({ index, name, master }) => [index, name, master]),
    ).toEqual(others.map(({ index, name, master }) => [index, name, master]));
  });

  it.each([
    ['driver', 'driver: [virtio*, e1000e]', { driver: 'virtio_net' }],
    ['path', 'path: "pci-0000:02:*"', { path: 'pci-0000:02:00.0' }],
    ['a set of letters', 'name: "en[a-p]?"', { name: 'enp3' }],
    ['no set of letters', 'name: "en[!a-o]?"', { name: 'enp3' }],
    ['a set with a range from behind', 'name: "en[9-0p]?"', { name: 'enp3' }],
    ['a class of letters', 'name: "en[[:alpha:]][[:digit:]]"', { name: 'enp3' }],
    ['no class of letters', 'name: "en[![:digit:][:space:]]?"', { name: 'enp3' }],
    ['signs that mean something elsewhere', 'name: "e(n)+{1}^$.|"', { name: 'e(n)+{1}^$.|' }],
  ])('matches by %s', (_, match, more) => {
    const text = `network: { version: 2, ethernets: { x: { match: { ${match} }, mtu: 1400 } } }`;
    const kernel = new ModelKernel([card(2, 'wan'), card(3, 'other', more)]);
    settle(kernel, read(text));
    expect(kernel.links.map(({ mtu }) => mtu)).toEqual([1500, 1400]);
  });
});

const ids = ['eth0', 'eth1', 'eth2'];
const files = fc
  .record({
    bond: fc.option(fc.subarray(ids)),
    bridge: fc.option(fc.subarray(ids)),
    mode: fc.constantFrom('active-backup', '802.3ad', 'balance-xor'),
    vlan: fc.option(fc.constantFrom('eth0', 'bond0', 'br0')),
    mtu: fc.constantFrom(1400, 1500),
  })
  .map(({ bond, bridge, mode, vlan, mtu }) => ({
    network: {
      version: 2,
      ethernets: Object.fromEntries(ids.map((id) => [id, {}])),
      ...(bond && { bonds: { bond0: { interfaces: bond, mtu, parameters: { mode } } } }),
      ...(bridge && { bridges: { br0: { interfaces: bridge } } }),
      ...(vlan && { vlans: { v1: { id: 1, link: vlan } } }),
    },
  }));

it('any two files after each other settle, and a settled kernel needs nothing', () => {
  fc.assert(
    fc.property(files, files, fc.subarray([2, 3, 4]), (first, second, indexes) => {
      const foreign = card(9, 'cni0', { isHardware: false, kind: 'bridge' });
      const cards = indexes.map((index) => card(index, `eth${index - 2}`));
      const kernel = new ModelKernel([...cards, foreign]);
      for (const file of [first, second]) {
        const reading = readNetworkConfig(JSON.stringify(file));
        if (reading.ok) settle(kernel, reading.config);
      }
      expect(named(kernel, 'cni0')).toEqual(foreign);
      for (const { index } of cards)
        expect(kernel.links.some((each) => each.index === index)).toBe(true);
    }),
    { numRuns: 500 },
  );
});

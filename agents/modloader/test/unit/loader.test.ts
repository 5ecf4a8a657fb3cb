import { describe, expect, it } from 'vitest';

import { loadDrivers } from '../../src/edge/loading/coldplug.ts';
import { BRIDGE, NIC, setUp } from '../support/fake-kernel.ts';

describe('the loader', () => {
  it('loads a driver and its dependencies in order, each once', async () => {
    const { kernel, loader, lists } = setUp();
    expect(await loader.serve([NIC, NIC], 'alias')).toBe(3);
    expect(kernel.calls).toEqual(['virtio', 'failover', 'virtio_net']);
    expect(lists.loaded.map(({ name, by, alias }) => [name, by, alias])).toEqual([
      ['virtio', 'dep', undefined],
      ['failover', 'dep', undefined],
      ['virtio_net', 'alias', NIC],
    ]);
  });

  it('makes no system call when everything is loaded', async () => {
    const { kernel, loader } = setUp();
    for (const name of ['virtio', 'failover', 'virtio_net']) kernel.live.set(name, 'live');
    expect(await loader.serve([NIC], 'alias')).toBe(0);
    expect(kernel.calls).toEqual([]);
  });

  it('counts built-in modules and EEXIST as success', async () => {
    const { kernel, loader, lists } = setUp();
    kernel.fail.set('nvme', ['EEXIST']);
    expect(await loader.load('ext4', 'config')).toEqual(['present']);
    expect(await loader.load('nvme', 'config')).toEqual(['present']);
    expect(lists).toMatchObject({ builtin: ['ext4'], failed: [], loaded: [] });
  });

  it('does not load a module whose dependency failed, and names it', async () => {
    const { kernel, loader, lists } = setUp();
    kernel.fail.set('failover', ['ENOEXEC']);
    await loader.serve([NIC], 'alias');
    expect(kernel.calls).toEqual(['virtio', 'failover']);
    expect(lists.failed).toMatchObject([
      { name: 'failover', errno: 'ENOEXEC' },
      { name: 'virtio_net', errno: 'ENOENT', why: 'it needs failover' },
    ]);
    expect(lists.failed[0]?.why).toContain('vermagic');
  });

  it('tries a module once, even when a thousand devices want it', async () => {
    const { kernel, loader } = setUp();
    kernel.fail.set('e1000e', ['ENODEV']);
    const cards = Array.from({ length: 1000 }, (_, at) => `pci:v00008086d${at}`);
    await loader.serve(cards, 'uevent');
    expect(kernel.calls).toEqual(['e1000e']);
  });

  it('retries a busy name', async () => {
    const { kernel, loader } = setUp();
    kernel.fail.set('nvme', ['EBUSY', 'EBUSY']);
    expect(await loader.load('nvme', 'config')).toEqual(['loaded']);
    expect(kernel.calls).toHaveLength(3);
  });

  it('denies a blacklisted module to devices, not to the operator', async () => {
    const { config, kernel, loader, lists } = setUp();
    config.blacklist.add('e1000e');
    await loader.serve(['pci:v00008086d1'], 'alias');
    expect(kernel.calls).toEqual([]);
    expect(lists.denied).toEqual([{ name: 'e1000e', rule: 'blacklist' }]);
    expect(await loader.load('e1000e', 'config')).toEqual(['loaded']);
  });

  it('fails a module whose dependency is denied', async () => {
    const { kernel, loader, lists } = setUp({ deny: ['failover'] });
    await loader.serve([NIC], 'alias');
    expect(kernel.calls).toEqual(['virtio']);
    expect(lists.denied).toEqual([{ name: 'failover', rule: 'deny: failover' }]);
    const why = 'it needs failover, which is denied by deny: failover';
    expect(lists.failed).toMatchObject([{ name: 'virtio_net', why }]);
  });

  it.each([
    ['cpu:type:x86', 'acpi:KVM:'],
    ['acpi:KVM:', 'cpu:type:x86'],
  ])('loads a dependency that may not be loaded for its own device, with %j before %j', async (...aliases) => {
    const own = 'alias acpi:KVM: kvm\nalias cpu:type:x86* kvm_intel\n';
    const { kernel, loader } = setUp({ allow: ['kvm_intel'] }, {}, { 'modules.alias': own });
    await loader.serve(aliases, 'alias');
    expect(kernel.calls).toEqual(['kvm', 'kvm_intel']);
  }); // prettier-ignore

  it('passes the parameters to the kernel', async () => {
    const { kernel, loader } = setUp({ params: { 'virtio-net': 'gso=0' } });
    await loader.load('virtio-net', 'config');
    expect(kernel.calls.at(-1)).toBe('virtio_net gso=0');
  });

  it('records devices without a driver', async () => {
    const { loader, lists } = setUp();
    await loader.serve(['usb:v1', 'usb:v1'], 'alias');
    expect(lists.unresolved).toEqual(['usb:v1']);
  });
});

describe('coldplug', () => {
  const signal = new AbortController().signal;

  it('finds the devices that a driver has just revealed', async () => {
    const { kernel, devices, loader } = setUp();
    devices.aliases = () => (kernel.live.has('virtio_pci') ? [BRIDGE, NIC] : [BRIDGE]);
    await loadDrivers(loader, () => devices.all(), signal);
    expect(kernel.calls).toEqual(['virtio', 'virtio_pci', 'failover', 'virtio_net']);
  });

  it('ends when a pass finds new devices but loads nothing', async () => {
    const { devices, loader } = setUp();
    devices.aliases = () => [`usb:v${devices.walks}`];
    expect(await loadDrivers(loader, () => devices.all(), signal)).toBe(false);
    expect(devices.walks).toBe(1);
  });

  it('ends although every pass reveals a device with a driver', async () => {
    const chain = Array.from({ length: 20 }, (_, at) => at);
    const { kernel, devices, loader } = setUp(
      {},
      {},
      {
        'modules.dep': chain.map((at) => `k/bus${at}.ko:\n`).join(''),
        'modules.alias': chain.map((at) => `alias bus:${at} bus${at}\n`).join(''),
      },
    );
    devices.aliases = () => [`bus:${devices.walks}`];
    expect(await loadDrivers(loader, () => devices.all(), signal)).toBe(true);
    expect(devices.walks).toBe(8);
    expect(kernel.calls).toHaveLength(8);
  });

  // As Debian's and this node's kernels name them; each child appears once the driver of its bus is there.
  it.each([
    ['a disk', ['pci:ahci', 'scsi:t-0x00'], ['ahci', 'sd_mod']],
    ['a CD drive', ['pci:ahci', 'scsi:t-0x05'], ['ahci', 'sr_mod']],
    ['a virtual disk', ['pci:virtio', 'virtio:d00000002v00001AF4'], ['virtio_pci', 'virtio_blk']],
    [
      'a stick',
      ['pci:xhci', 'usb:v1ic08isc06ip50in00', 'scsi:t-0x00'],
      ['xhci_pci', 'usb_storage', 'sd_mod'],
    ],
  ])('loads the driver of %s behind its bus', async (_, chain, drivers) => {
    const { kernel, devices, loader } = setUp(
      {},
      {},
      {
        'modules.dep': [
          'ahci',
          'sd_mod',
          'sr_mod',
          'virtio_pci',
          'virtio_blk',
          'xhci_pci',
          'usb_storage',
        ]
          .map((name) => `k/${name}.ko:\n`)
          .join(''),
        'modules.alias': `alias pci:ahci ahci
alias pci:virtio virtio_pci
alias pci:xhci xhci_pci
alias scsi:t-0x00* sd_mod
alias scsi:t-0x05* sr_mod
alias virtio:d00000002v* virtio_blk
alias usb:v*ic08isc06ip50in* usb_storage
`,
      },
    );
    devices.aliases = () => chain.slice(0, kernel.calls.length + 1);
    await loadDrivers(loader, () => devices.all(), signal);
    expect(kernel.calls).toEqual(drivers);
  });

  it('stops when it is aborted', async () => {
    const { kernel, devices, loader } = setUp();
    devices.aliases = () => [NIC];
    await loadDrivers(loader, () => devices.all(), AbortSignal.abort());
    expect(kernel.calls).toEqual([]);
  });
});

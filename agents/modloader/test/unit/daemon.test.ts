import type { Uevent } from '@kios/netlink';
import { describe, expect, it } from 'vitest';

import { Daemon } from '../../src/edge/loading/daemon.ts';
import { BRIDGE, NIC, setUp, SILENT } from '../support/fake-kernel.ts';

const CPU = 'cpu:type:x86,ven0002';
const DISK = 'pci:v00001B36d00000010sv0sd0bc01sc08i02';

const added = (alias: string, action = 'add'): Uevent => ({
  action,
  devpath: '/devices/x',
  variables: new Map([['MODALIAS', alias]]),
});

function daemonOf(devices: readonly string[], signal = new AbortController().signal) {
  const parts = setUp();
  parts.kernel.devices = () => [...devices];
  const session = {
    ...parts,
    isDryRun: false,
    release: '',
    dir: '',
    profileNames: ['e1000e', 'none'],
    laterNames: ['kvm'],
  };
  return {
    ...parts,
    daemon: new Daemon('/nonexistent', { session, loader: parts.loader }, { log: SILENT, signal }),
  };
}

describe('the daemon', () => {
  it('loads drivers of the network first and profiles last', async () => {
    const { daemon, kernel } = daemonOf([DISK, BRIDGE, NIC]);
    await daemon.start();
    expect(kernel.calls).toEqual([
      'virtio',
      'failover',
      'virtio_net',
      'virtio_pci',
      'nvme',
      'e1000e',
    ]);
  });

  it('leaves late devices for later, even when an event names one', async () => {
    const { daemon, kernel } = daemonOf([CPU]);
    await daemon.start();
    expect(await daemon.serve(added(CPU))).toBe(false);
    expect(kernel.calls).toEqual(['e1000e']);
    await daemon.later();
    expect(kernel.calls).toEqual(['e1000e', 'kvm', 'kvm_intel']);
  });

  it.each(['add', 'bind', 'change'])('serves a device of the event %s', async (action) => {
    const { daemon, kernel } = daemonOf([]);
    expect(await daemon.serve(added(DISK, action))).toBe(true);
    expect(await daemon.serve(added(DISK, action))).toBe(false);
    expect(kernel.calls).toEqual(['nvme']);
  });

  it('ignores removed devices and events without an alias', async () => {
    const { daemon, kernel } = daemonOf([]);
    expect(await daemon.serve(added(DISK, 'remove'))).toBe(false);
    expect(await daemon.serve({ action: 'add', devpath: '/x', variables: new Map() })).toBe(false);
    expect(kernel.calls).toEqual([]);
  });

  it('walks all devices again after lost events', async () => {
    const { daemon, kernel } = daemonOf([DISK]);
    await daemon.serve('overrun');
    expect(kernel.calls).toEqual(['nvme']);
  });

  it('loads nothing once it is stopped', async () => {
    const { daemon, kernel } = daemonOf([DISK], AbortSignal.abort());
    await daemon.start();
    expect(kernel.calls).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';

import type { Batch } from '../../src/edge/devices/event-queue.ts';
import { Daemon } from '../../src/edge/loading/daemon.ts';
import { BRIDGE, NIC, setUp, SILENT } from '../support/fake-kernel.ts';

const CPU = 'cpu:type:x86,ven0002';
const DISK = 'pci:v00001B36d00000010sv0sd0bc01sc08i02';

const added = (...aliases: readonly string[]): Batch => ({ aliases, isOverrun: false });

function daemonOf(devices: readonly string[], signal = new AbortController().signal) {
  const parts = setUp();
  parts.devices.aliases = () => devices;
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

  it('serves a device that appears, once', async () => {
    const { daemon, kernel } = daemonOf([]);
    expect(await daemon.serve(added(DISK))).toBe(true);
    expect(await daemon.serve(added(DISK))).toBe(false);
    expect(kernel.calls).toEqual(['nvme']);
  });

  it('walks all devices again after lost events', async () => {
    const { daemon, kernel } = daemonOf([DISK]);
    expect(await daemon.serve({ aliases: [], isOverrun: true })).toBe(true);
    expect(kernel.calls).toEqual(['nvme']);
  });

  it('loads nothing once it is stopped', async () => {
    const { daemon, kernel } = daemonOf([DISK], AbortSignal.abort());
    await daemon.start();
    expect(kernel.calls).toEqual([]);
  });
});

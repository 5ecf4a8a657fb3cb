import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { readDevice } from '../../../src/edge/network/device.ts';

let sys: string;
beforeEach(async () => {
  sys = await mkdtemp(path.join(tmpdir(), 'kios-sys-'));
});
afterEach(() => rm(sys, { recursive: true }));

it.each([
  ['a card', 'devices/pci0000:00/0000:00:1f.6', 'e1000e', 'pci-0000:00:1f.6'],
  ['virtio', 'devices/pci0000:00/0000:00:03.0/virtio0', 'virtio_net', 'pci-0000:00:03.0'],
  [
    'a card behind a bridge',
    'devices/pci0000:00/0000:00:1c.0/0000:02:00.1',
    'mlx5_core',
    'pci-0000:02:00.1',
  ],
  [
    'USB',
    'devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1.2/1-1.2:1.0',
    'r8152',
    'pci-0000:00:14.0-usb-0:1.2:1.0',
  ],
  ["a board's", 'devices/platform/scb/fd580000.ethernet', 'bcmgenet', 'platform-fd580000.ethernet'],
  ['Hyper-V', 'devices/LNXSYSTM:00/VMBUS:00/vmbus_1', 'hv_netvsc', undefined],
])('of %s', async (_, device, driver, place) => {
  await mkdir(path.join(sys, device), { recursive: true });
  await mkdir(path.join(sys, 'class/net/eth0'), { recursive: true });
  await symlink(path.join(sys, device), path.join(sys, 'class/net/eth0/device'));
  await symlink(`/bus/drivers/${driver}`, path.join(sys, device, 'driver'));
  expect(readDevice('eth0', sys)).toEqual({ driver, path: place });
});

it('of a bridge is none', () => {
  expect(readDevice('br0', sys)).toBeUndefined();
});

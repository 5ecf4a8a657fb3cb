import { expect, it } from 'vitest';

import { EXCLUDED, shipsModule } from '../../../../src/build/kernel/module-set.ts';

it.each([
  'kernel/fs/ext4/ext4.ko.xz',
  'kernel/fs/nfs/nfs.ko.xz',
  'kernel/net/sctp/sctp.ko.xz',
  'kernel/drivers/net/virtio_net.ko.xz',
  'kernel/drivers/nvme/host/nvme.ko.xz',
])('ships %s', (file) => {
  expect(shipsModule(file)).toBe(true);
});

it.each([
  'kernel/drivers/nvme/target/nvmet.ko.xz',
  'kernel/fs/nfsd/nfsd.ko.xz',
  'kernel/net/bluetooth/bnep/bnep.ko.xz',
])('leaves out %s', (file) => {
  expect(shipsModule(file)).toBe(false);
});

it('matches folders, not names with the same beginning', () => {
  expect(shipsModule('kernel/net/candle/candle.ko')).toBe(true);
  expect(shipsModule('kernel/net/can/can.ko')).toBe(false);
});

it('names each folder once, and none inside another one', () => {
  expect(new Set(EXCLUDED).size).toBe(EXCLUDED.length);
  const inner = EXCLUDED.filter((one) => EXCLUDED.some((other) => one.startsWith(`${other}/`)));
  expect(inner).toEqual([]);
});

it.each([
  'fs/erofs',
  'fs/overlayfs',
  'fs/ext4',
  'fs/fat',
  'fs/isofs',
  'fs/nls',
  'drivers/ata',
  'drivers/block',
  'drivers/mmc',
  'drivers/scsi',
  'drivers/usb',
  'drivers/virtio',
])('keeps a module that init loads: %s', (folder) => {
  expect(shipsModule(`kernel/${folder}/module.ko`)).toBe(true);
});

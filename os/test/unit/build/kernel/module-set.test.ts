import { describe, expect, it } from 'vitest';

import { STORAGE } from '../../../../src/build/kernel/early-modules.ts';
import {
  brokenBy,
  EXCLUDED,
  parseOptional,
  readOptional,
  shipsModule,
} from '../../../../src/build/kernel/module-set.ts';

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

describe('an optional module', () => {
  const isOptional = parseOptional(
    '[{path: drivers/scsi/lpfc, reason: a}, {path: drivers/net/big, reason: b}]',
  );

  it.each([
    ['kernel/drivers/scsi/lpfc/lpfc.ko', true],
    ['kernel/drivers/scsi/lpfc.ko.xz', true],
    ['kernel/drivers/net/big.ko', true],
    ['kernel/drivers/net/bigger.ko', false],
    ['kernel/drivers/net/bigger/a.ko', false],
  ])('%s: %s', (file, optional) => {
    expect(isOptional(file)).toBe(optional);
  });

  it('has its reason, or the list is refused', () => {
    expect(() => parseOptional('[{path: drivers/net/big}]')).toThrow('reason');
    expect(() => parseOptional('[{path: drivers/net/big, reason: ""}]')).toThrow('length');
  });

  it('is not needed by another one', () => {
    const dep = `kernel/drivers/net/big.ko: kernel/lib/a.ko
kernel/net/user.ko: kernel/lib/a.ko kernel/drivers/net/big.ko
kernel/lib/a.ko:
`;
    expect(brokenBy(isOptional, dep)).toEqual([
      'kernel/net/user.ko needs kernel/drivers/net/big.ko',
    ]);
  });

  it('is no driver behind which the data partition may be', async () => {
    const shipped = await readOptional();
    const folders = ['ata', 'block', 'message/fusion', 'mmc/core', 'mmc/host', 'nvme/host', 'pci/controller', 'scsi',
      'scsi/aacraid', 'scsi/megaraid', 'scsi/mpt3sas', 'scsi/mpi3mr', 'scsi/smartpqi', 'usb/host', 'usb/dwc2', 'usb/storage', 'misc/cardreader', 'virtio', 'hv']; // prettier-ignore
    const places = folders.flatMap((folder) =>
      STORAGE.map((name) => `kernel/drivers/${folder}/${name}.ko`),
    );
    expect(places.filter(shipped)).toEqual([]);
  });
});

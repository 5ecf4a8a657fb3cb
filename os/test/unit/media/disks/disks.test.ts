import { describe, expect, it } from 'vitest';

import {
  checkDisk,
  checkExpected,
  checkTyped,
  resolveDisk,
} from '../../../../src/media/disks/choose.ts';
import {
  candidateRecord,
  formatCandidates,
  formatContent,
  formatDisk,
  judge,
} from '../../../../src/media/disks/disk-text.ts';
import { difference, type Disk, parseDisks } from '../../../../src/media/disks/disk.ts';
import { isListed, refusalOf } from '../../../../src/media/disks/refusal.ts';

interface Row {
  readonly [column: string]: unknown;
  readonly children?: readonly Row[];
}

const part = (name: string, more: Row = {}): Row => ({
  name,
  path: `/dev/${name}`,
  type: 'part',
  fstype: null,
  label: null,
  partlabel: null,
  mountpoints: [null],
  kname: name,
  pkname: null,
  size: 1e9,
  ro: false,
  rm: false,
  hotplug: false,
  tran: null,
  vendor: null,
  model: null,
  serial: null,
  wwn: null,
  'log-sec': 512,
  'maj:min': '8:0',
  ...more,
});
const disk = (name: string, more: Row = {}): Row =>
  part(name, { type: 'disk', size: 32e9, ...more });

/** What `lsblk` printed on a notebook with a card reader, a stick, a backup disk, encryption and a snap. */
const ROWS: readonly Row[] = [
  part('loop3', { type: 'loop', fstype: 'squashfs', mountpoints: ['/snap/core22/864'], ro: true }),
  disk('nvme0n1', {
    size: 512_110_190_592,
    tran: 'nvme',
    model: 'Samsung SSD 980 PRO',
    serial: 'S5GXNF0R',
    children: [
      part('nvme0n1p1', { fstype: 'vfat', label: 'EFI', mountpoints: ['/boot/efi'] }),
      part('nvme0n1p2', {
        fstype: 'crypto_LUKS',
        children: [
          part('dm-0', {
            path: '/dev/mapper/root',
            type: 'crypt',
            fstype: 'ext4',
            mountpoints: ['/'],
          }),
        ],
      }),
    ],
  }),
  disk('sda', {
    size: 31_914_983_424,
    rm: true,
    hotplug: true,
    tran: 'usb',
    vendor: 'SanDisk ',
    model: 'Ultra',
    serial: '4C530001',
    'maj:min': '8:0',
    children: [
      part('sda1', { fstype: 'vfat', label: 'KIOS' }),
      part('sda2', { fstype: 'ext4', partlabel: 'kios-data' }),
    ],
  }),
  disk('sdb', {
    tran: 'usb',
    vendor: 'Generic',
    model: 'STORAGE DEVICE',
    children: [
      part('sdb1', { fstype: 'exfat', label: 'PHOTOS', mountpoints: ['/media/me/PHOTOS'] }),
    ],
  }),
  disk('sdc', { tran: 'usb', vendor: 'Generic', model: 'STORAGE DEVICE', size: 0, rm: true }),
  disk('sdd', {
    tran: 'usb',
    vendor: 'ATA',
    model: 'WDC WD20',
    size: 2_000_398_934_016,
    hotplug: true,
  }),
  disk('sde', { ro: true, rm: true }),
  disk('sdf', { 'log-sec': 4096 }),
  disk('sdg', {
    children: [
      part('sdg1', {
        fstype: 'LVM2_member',
        children: [part('dm-1', { path: '/dev/mapper/vg-data', type: 'lvm' })],
      }),
    ],
  }),
  disk('sdh', { fstype: 'linux_raid_member', children: [part('md0', { type: 'raid1' })] }),
  disk('sdi', { children: [part('sdi1', { fstype: 'swap', mountpoints: ['[SWAP]'] })] }),
  disk('sdj', { size: 1_000_000_000 }),
  disk('mmcblk0', { tran: 'mmc' }),
  disk('mmcblk0boot0', { size: 4_194_304 }),
  disk('zram0', { 'log-sec': 4096, mountpoints: ['[SWAP]'] }),
  disk('nbd0', { size: 0 }),
  part('sr0', { type: 'rom', size: 1_073_741_312, rm: true }),
];
const disks = parseDisks(JSON.stringify({ blockdevices: ROWS }));
const named = (name: string): Disk => disks.find((entry) => entry.name === name)!;
const wanted = { bytes: 1_600_000_000, allowLarge: false };
const reason = (name: string, want = wanted): string | undefined =>
  refusalOf(named(name), want)?.reason;

const toRead = (name: string): string | undefined => refusalOf(named(name), wanted, 'read')?.reason;

describe('a disk that nothing speaks against', () => {
  it.each(['sda', 'mmcblk0'])('%s may be written to', (name) => {
    expect(reason(name)).toBeUndefined();
  });

  it('is described so that its owner knows it again', () => {
    expect(formatDisk(named('sda'))).toBe('/dev/sda, 31.9 GB, usb, SanDisk Ultra, serial 4C530001');
    expect(formatContent(named('sda'))).toBe('vfat KIOS, ext4 kios-data');
    expect(formatDisk(named('mmcblk0'))).toBe('/dev/mmcblk0, 32.0 GB, mmc, no serial number');
    expect(formatContent(named('mmcblk0'))).toBe('nothing known');
    expect(named('sdd').model).toBe('WDC WD20');
  });
});

describe('a disk is refused with the reason:', () => {
  it.each([
    ['nvme0n1', 'the running system uses it (/boot/efi)'],
    ['sdi', 'the running system uses it ([SWAP])'],
    ['sdb', '/dev/sdb1 is mounted at /media/me/PHOTOS'],
    ['sdc', 'there is no medium in it'],
    ['sdd', 'with 2.0 TB it may hold somebody’s data'],
    ['sde', 'it is write-protected'],
    ['sdf', 'its sectors have 4096 bytes, and the image is made for 512'],
    ['sdg', '/dev/mapper/vg-data (lvm) uses it'],
    ['sdh', '/dev/md0 (raid1) uses it'],
    ['sdj', 'it is too small: it holds 1.0 GB, the image needs 1.6 GB'],
    ['mmcblk0boot0', 'it is a special area of an eMMC'],
    ['zram0', 'it is memory, not a disk'],
    ['sr0', 'it is no disk (rom)'],
    ['loop3', '/dev/loop3 is mounted at /snap/core22/864'],
  ])('%s: %s', (name, why) => {
    expect(reason(name)).toBe(why);
  });

  it('a partition, whose disk is named', () => {
    const [found] = parseDisks(JSON.stringify({ blockdevices: [part('sda1', { pkname: 'sda' })] }));
    expect(refusalOf(found!, wanted)).toEqual({
      reason: 'it is a partition',
      remedy: 'Name its disk, /dev/sda, if all of that may be lost.',
    });
  });

  it('a large one unless it is allowed, and one that is too small even then', () => {
    expect(reason('sdd', { ...wanted, allowLarge: true })).toBeUndefined();
    expect(reason('sdj', { ...wanted, allowLarge: true })).toContain('too small');
    expect(reason('sdj', { bytes: 1_000_000_000, allowLarge: false })).toBeUndefined();
  });

  it('for reading only what cannot hold the image, whoever uses it', () => {
    expect(['nvme0n1', 'sdb', 'sdd', 'sde', 'sdg'].map(toRead)).toEqual(Array(5).fill(undefined));
    expect(toRead('sdj')).toContain('too small');
    expect(toRead('sr0')).toContain('no disk');
  });

  it('a mounted one with the command that unmounts it', () => {
    expect(refusalOf(named('sdb'), wanted)?.remedy).toBe('Unmount it first: umount /dev/sdb1.');
    expect(() => checkDisk(named('sdb'), wanted)).toThrow(
      'use /dev/sdb: /dev/sdb1 is mounted at /media/me/PHOTOS',
    );
  });
});

describe('a list', () => {
  const listed = disks.filter(isListed);

  it('leaves out what is no disk that can be plugged in', () => {
    expect(listed.map(({ name }) => name).join(' ')).toBe(
      'nvme0n1 sda sdb sdc sdd sde sdf sdg sdh sdi sdj mmcblk0',
    );
  });

  it('shows refused disks too, with the reason', () => {
    const lines = formatCandidates(judge(listed, wanted));
    expect(lines[0]).toMatch(/^NAME +SIZE +BUS +MODEL +SERIAL +HOLDS$/);
    expect(lines[2]).toMatch(
      /^sda +31\.9 GB +usb +SanDisk Ultra +4C530001 +vfat KIOS, ext4 kios-data$/,
    );
    expect(lines[4]).toMatch(/^sdc +0 B .* no: there is no medium in it$/);
    expect(formatCandidates([])).toEqual(['No disk is plugged in.']);
  });

  it('is a record a disk for scripts', () => {
    const [record] = judge([named('sdb')], wanted).map(candidateRecord);
    expect(record).toMatchObject({
      path: '/dev/sdb',
      bytes: 32e9,
      serial: null,
      holds: [{ path: '/dev/sdb1', content: 'exfat', mountpoints: ['/media/me/PHOTOS'] }],
      refusal: { reason: '/dev/sdb1 is mounted at /media/me/PHOTOS' },
    });
  });
});

it('a script names the disk that it means by serial number or size', () => {
  const stick = named('sda');
  const check = (serial: string | undefined, size: number | undefined) => () =>
    checkExpected(stick, { serial, size });
  expect(check('4C530001', undefined)).not.toThrow();
  expect(check(undefined, stick.bytes)).not.toThrow();
  expect(check('4C530002', stick.bytes)).toThrow('its serial number is 4C530001, not 4C530002');
  expect(check('4C530001', 1)).toThrow('it has 31914983424 bytes, not 1');
});

it.each(['', 'y', 'yes', 'sdb', 'SDA', 'sda1'])(
  'a person who types "%s" has not named sda',
  (typed) => {
    expect(() => checkTyped(named('sda'), typed)).toThrow('its name was not typed');
  },
);

it.each(['sda', '/dev/sda'])('a person who types "%s" has named it', (typed) => {
  expect(() => checkTyped(named('sda'), typed)).not.toThrow();
});

it('two disks differ by the first thing that tells them apart', () => {
  const stick = named('sda');
  expect(difference(stick, { ...stick })).toBeUndefined();
  expect(difference(stick, { ...stick, serial: 'X', number: '8:16' })).toBe(
    'its serial number was 4C530001 when it was chosen and is X now',
  );
  expect(difference(stick, { ...stick, serial: undefined })).toContain('is unknown now');
});

it.each([
  ['nosuchdisk', 'there is no such device'],
  ['/dev/null', 'it is no block device'],
  ['/', 'it is no block device'],
])('%s is no disk: %s', async (name, why) => {
  await expect(resolveDisk(name)).rejects.toMatchObject({
    code: 'KIOS_FLASH_REFUSED',
    message: `use ${name}: ${why}`,
  });
});

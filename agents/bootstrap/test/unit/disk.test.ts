import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { diskOf } from '../../src/edge/sources/disk.ts';

let sysfs: string;

beforeEach(() => {
  sysfs = mkdtempSync(path.join(tmpdir(), 'kios-sys-'));
});

afterEach(() => rmSync(sysfs, { recursive: true }));

/** Makes a /sys in which the device at this place below /sys/devices holds this test's folder. */
function plug(device: string, files: Readonly<Record<string, string>>): void {
  const { dev } = statSync(sysfs);
  const minor = (dev & 0xff) | ((dev >> 12) & 0xfff00);
  const link = path.join(sysfs, 'dev/block', `${(dev >> 8) & 0xfff}:${minor}`);
  for (const [file, content] of Object.entries({ ...files, [`${device}/dev`]: '' })) {
    const full = path.join(sysfs, 'devices', file);
    mkdirSync(path.dirname(full), { recursive: true });
    writeFileSync(full, content);
  }
  mkdirSync(path.dirname(link), { recursive: true });
  symlinkSync(`../../devices/${device}`, link);
}

const PCI = 'pci0000:00/0000:00:05.0';
const USB = `${PCI}/usb1/1-1`;
const SCSI = 'host6/target6:0:0/6:0:0:0';

describe('a disk is known by', () => {
  it.each<[string, string, Record<string, string>, string]>([
    [
      "a virtio disk's serial number",
      `${PCI}/virtio2/block/vdb`,
      { [`${PCI}/virtio2/block/vdb/serial`]: 'vol-1' },
      'serial vol-1',
    ],
    [
      'the identifier of the disk, not of the partition',
      `${PCI}/nvme/nvme0/nvme0n1/nvme0n1p1`,
      {
        [`${PCI}/nvme/nvme0/nvme0n1/nvme0n1p1/partition`]: '1\n',
        [`${PCI}/nvme/nvme0/nvme0n1/wwid`]: 'eui.0025\n',
        [`${PCI}/nvme/nvme0/serial`]: 'S1   \n',
      },
      'wwid eui.0025',
    ],
    [
      "a SCSI disk's identifier",
      `${PCI}/${SCSI}/block/sda/sda1`,
      {
        [`${PCI}/${SCSI}/block/sda/sda1/partition`]: '1\n',
        [`${PCI}/${SCSI}/wwid`]: 'naa.5000\n',
      },
      'wwid naa.5000',
    ],
    [
      "a stick's serial number",
      `${USB}/1-1:1.0/${SCSI}/block/sda`,
      { [`${USB}/serial`]: 'AA01\n', [`${PCI}/usb1/serial`]: '0000:00:05.0\n' },
      'serial AA01',
    ],
    [
      'its place, when only its controller has a serial number',
      `${USB}/1-1:1.0/${SCSI}/block/sda`,
      { [`${PCI}/usb1/serial`]: '0000:00:05.0\n' },
      `at ${USB}/1-1:1.0/0:0:0`,
    ],
    [
      'its place, when its serial number is empty',
      `${PCI}/virtio2/block/vdb`,
      { [`${PCI}/virtio2/block/vdb/serial`]: '' },
      `at ${PCI}`,
    ],
  ])('%s', async (_what, device, files, expected) => {
    plug(device, files);
    expect(await diskOf(sysfs, sysfs)).toBe(expected);
  });
});

it('a folder that is on no disk has none', async () => {
  expect(await diskOf(sysfs, sysfs)).toBeUndefined();
});

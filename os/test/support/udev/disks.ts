import { open, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { storedFile } from '../../../src/build/image/stored-files.ts';
import { openTools, type Toolroot } from '../../../src/build/sources/debian/toolroot.ts';
import type { Progress } from '../../../src/workstation/progress.ts';

const PACKAGES = [
  'libc6', 'e2fsprogs', 'dosfstools', 'xfsprogs', 'fdisk', 'util-linux', 'cryptsetup-bin',
  'libargon2-1', 'libblkid1', 'libcom-err2', 'libcryptsetup12', 'libdevmapper1.02.1', 'libedit2', 'libext2fs2t64', 'libfdisk1', 'libinih1',
  'libbsd0', 'libmd0', 'libjson-c5', 'liblzma5', 'libncursesw6', 'libpcre2-8-0', 'libpopt0', 'libreadline8t64', 'libselinux1', 'libsmartcols1', 'libss2',
  'libssl3t64', 'libtinfo6', 'libudev1', 'liburcu8t64', 'libuuid1', 'libzstd1', 'zlib1g',
]; // prettier-ignore

type Maker =
  | 'usr/sbin/mke2fs'
  | 'usr/sbin/mkfs.fat'
  | 'usr/sbin/mkfs.xfs'
  | 'usr/sbin/mkswap'
  | 'usr/sbin/sfdisk'
  | 'usr/sbin/cryptsetup';

const SECTOR = 512;
const MIB = 1 << 20;
const FIRST_SECTOR = 2048;

/** A disk of the machine, and how QEMU attaches it. */
export interface Disk {
  readonly id: string;
  /** QEMU's devices, whose last is the disk; `drive=ID` is added. */
  readonly device: string;
}

/** Controllers, in the order in which QEMU makes them. */
export const CONTROLLERS = [
  'virtio-scsi-pci,id=vs',
  'nvme,id=nv,serial=vol0123456789abcdef0',
  'ahci,id=sata',
  'qemu-xhci,id=usb',
];

/** One disk of each kind, and those that clouds name by vendor and product. */
export const DISKS: readonly Disk[] = [
  { id: 'gpt', device: 'virtio-blk-pci,serial=8f1c1b4e-5d4c-4c0a-9' },
  { id: 'mbr', device: 'virtio-blk-pci,serial= a  b' },
  { id: 'scsi0', device: 'scsi-hd,bus=vs.0,scsi-id=0,lun=0,serial=SER1,wwn=0x5000c50015ea71ac' },
  { id: 'scsi1', device: 'scsi-hd,bus=vs.0,scsi-id=0,lun=1,serial=SER 2' },
  { id: 'hetzner', device: 'scsi-hd,bus=vs.0,scsi-id=1,lun=0,vendor=HC,product=Volume,serial=12345678' },
  { id: 'ocean', device: 'scsi-hd,bus=vs.0,scsi-id=2,lun=3,vendor=DO,product=Volume,serial=pvc-1/x' },
  { id: 'ns1', device: 'nvme-ns,bus=nv,nsid=1' },
  { id: 'ns2', device: 'nvme-ns,bus=nv,nsid=2' },
  { id: 'ahci', device: 'ide-hd,bus=sata.2,serial=ATA-1,wwn=0x5000c50015ea71aa' },
  { id: 'usb', device: 'usb-storage,bus=usb.0,serial=USB1' },
]; // prettier-ignore

/** Makes file systems of Debian's tools, on partitions of both kinds and on whole disks, as `ID.img` in a folder. */
class Disks {
  readonly #folder: string;
  readonly #tools: Toolroot<Maker>;

  constructor(folder: string, tools: Toolroot<Maker>) {
    this.#folder = folder;
    this.#tools = tools;
  }

  file(id: string): string {
    return path.join(this.#folder, `${id}.img`);
  }

  async blank(id: string, mib: number): Promise<string> {
    const file = this.file(id);
    await writeFile(file, '');
    await truncate(file, mib * MIB);
    return file;
  }

  async ext(id: string, kind: string, label: string, mib: number): Promise<string> {
    const file = await this.blank(id, mib);
    await this.#tools.run('usr/sbin/mke2fs', ['-q', '-F', '-t', kind, '-L', label, file]);
    return file;
  }

  async partitions(id: string, mib: number, table: readonly string[]): Promise<string> {
    const file = await this.blank(id, mib);
    await this.#tools.run('usr/sbin/sfdisk', ['-q', file], { input: `${table.join('\n')}\n` });
    return file;
  }

  async others(): Promise<readonly string[]> {
    const tools = this.#tools;
    const xfs = await this.blank('xfs', 320);
    await tools.run('usr/sbin/mkfs.xfs', ['-q', '-L', 'xfs-label', xfs]);
    const vfat = await this.blank('vfat', 40);
    await tools.run('usr/sbin/mkfs.fat', ['-n', 'EFI DISK', vfat]);
    const swap = await this.blank('swap', 8);
    await tools.run('usr/sbin/mkswap', ['-q', '-L', 'swap1', swap]);
    const luks = await this.blank('luks', 32);
    const quick = ['--pbkdf', 'pbkdf2', '--pbkdf-force-iterations', '1000'];
    const format = [
      'luksFormat',
      '-q',
      '--type',
      'luks2',
      ...quick,
      '--label',
      'crypt1',
      luks,
      '-',
    ];
    await tools.run('usr/sbin/cryptsetup', format, { input: 'pw' });
    return [xfs, vfat, swap, luks];
  }
}

/** Copies whole files into a disk, one behind the other from the first usual sector on. */
async function fill(disk: string, files: readonly string[]): Promise<void> {
  const into = await open(disk, 'r+');
  let at = FIRST_SECTOR * SECTOR;
  for (const file of files)
    for await (const chunk of storedFile(file).chunks()) {
      await into.write(chunk, 0, chunk.length, at);
      at += chunk.length;
    }
  await into.close();
}

/** Writes the content of all disks into a folder. */
export async function makeDisks(folder: string, progress: Progress): Promise<void> {
  const disks = new Disks(folder, await openTools<Maker>(PACKAGES, progress));
  const ext4 = await disks.ext('ext4', 'ext4', 'root fs/1', 8);
  const gpt = await disks.partitions('gpt', 480, [
    'label: gpt',
    'start=2048,size=16384,name="Linux root"',
    'size=655360,name="p/2"',
    'size=81920,type=U,name="EFI"',
    'size=16384,type=S',
    'size=65536',
  ]);
  await fill(gpt, [ext4, ...(await disks.others())]);
  const mbr = await disks.partitions('mbr', 64, [
    'label: dos',
    'label-id: 0x1a2b3c4d',
    'start=2048,size=16384,type=83',
    'size=32768,type=5',
    'size=8192,type=83',
  ]);
  await fill(mbr, [ext4]);
  for (const id of ['scsi1', 'ocean', 'ahci']) await disks.blank(id, 16);
  await disks.ext('ns1', 'ext2', 'n1', 16);
  await disks.ext('scsi0', 'ext4', 'both', 16);
  await disks.ext('hetzner', 'ext4', 'hcvol', 16);
  await disks.partitions('ns2', 16, ['label: gpt', 'start=2048,size=8192,name="on nvme"']);
  await disks.partitions('usb', 16, ['label: gpt', 'start=2048,size=8192,name="on usb"']);
}

import {
  access,
  constants,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import type { ByteRange } from '../../build/formats/byte-range.ts';
import { decodeFat32, FAT32_BOOT_BYTES, usedInFat32 } from '../../build/formats/fat32.ts';
import { decodeGpt, TYPE } from '../../build/formats/gpt.ts';
import type { Tool, Toolroot } from '../../build/sources/debian/toolroot.ts';
import { run } from '../../workstation/run.ts';
import { findDisk } from '../disks/lsblk.ts';
import { MIB } from '../units.ts';
import type { FileContent } from './plan.ts';

const foreign = (file: string, why: string, cause?: unknown): KiosError =>
  new KiosError('KIOS_MEDIUM_FOREIGN', `find kiOS on ${file}: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    exitCode: EXIT.data,
    remedy:
      'Name a disk image that ./kios build made, unpacked, or a device that it was flashed to.',
  });

/** Tells a device from a file; fails for anything else. */
export async function isDevice(file: string): Promise<boolean> {
  const info = await stat(file).catch((cause: unknown) => {
    throw foreign(file, 'it cannot be opened', cause);
  });
  if (info.isFile() || info.isBlockDevice()) return info.isBlockDevice();
  throw foreign(file, 'it is neither a file nor a disk');
}

/** Fails when a part of a device is in use: what is written beside a mounted file system damages it. */
async function refuseMounted(device: string): Promise<void> {
  const disk = await findDisk(device);
  if (disk === undefined) throw foreign(device, 'lsblk does not show it');
  const used = disk.volumes.find(({ mountpoints }) => mountpoints.length > 0);
  if (used === undefined) return;
  throw new KiosError('KIOS_MEDIUM_MOUNTED', `write to ${device}: ${used.path} is mounted`, {
    exitCode: EXIT.unavailable,
    remedy: `Unmount it: umount ${used.path}.`,
  });
}

const mayUse = (file: string): Promise<boolean> =>
  access(file, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );

/** Returns a number that mdir(1) prints in groups of digits. */
const bytesIn = (text: string, form: RegExp): number =>
  Number((form.exec(text)?.groups?.['bytes'] ?? '0').replaceAll(' ', ''));

/** The EFI system partition of an image or a device, whose files mtools(1) reads and writes without a mount. */
export class Partition implements AsyncDisposable {
  readonly file: string;
  readonly #isDevice: boolean;
  /** Words before a program that may use the device. */
  readonly #as: readonly string[];
  readonly #tools: Toolroot;
  /** A folder that only this user can open. */
  readonly dir: string;
  #range: ByteRange = { offset: 0, bytes: 0 };

  private constructor(
    file: string,
    isDevice: boolean,
    as: readonly string[],
    tools: Toolroot,
    dir: string,
  ) {
    this.file = file;
    this.#isDevice = isDevice;
    this.#as = as;
    this.#tools = tools;
    this.dir = dir;
  }

  static async open(file: string, tools: Toolroot): Promise<Partition> {
    const asDevice = await isDevice(file);
    if (asDevice) await refuseMounted(file);
    const as = asDevice && !(await mayUse(file)) ? ['sudo', '--'] : [];
    const dir = await mkdtemp(path.join(tmpdir(), 'kios-configure-'));
    const partition = new Partition(file, asDevice, as, tools, dir);
    try {
      partition.#range = await partition.#find();
    } catch (error) {
      await partition[Symbol.asyncDispose]();
      throw error;
    }
    return partition;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }

  async #find(): Promise<ByteRange> {
    const table = path.join(this.dir, 'table');
    await writeFile(table, '');
    await this.#pull({ offset: 0, bytes: MIB }, table, 0);
    const partitions = decodeGpt(await readFile(table));
    if (partitions === undefined) throw foreign(this.file, 'it has no whole partition table');
    const esp = partitions.find(({ type, label }) => type === TYPE.esp && label === 'kios-esp');
    if (esp === undefined) throw foreign(this.file, 'it has no EFI system partition of kiOS');
    return esp;
  }

  /** Copies bytes of the medium to a file. Of a device they come from the medium, not from a cache. */
  async #pull({ offset, bytes }: ByteRange, into: string, at: number): Promise<void> {
    const flags = `${this.#isDevice ? 'direct,' : ''}skip_bytes,count_bytes`;
    const args = [`if=${this.file}`, `of=${into}`, 'bs=4M', `iflag=${flags}`, 'oflag=seek_bytes'];
    const where = [`skip=${offset}`, `count=${bytes}`, `seek=${at}`, 'conv=notrunc', 'status=none'];
    await this.#run(['dd', ...args, ...where]);
  }

  #run(command: readonly string[]): Promise<string> {
    const [program = '', ...args] = [...this.#as, ...command];
    return run(program, args);
  }

  /** Runs a program of mtools on the partition. */
  mtools(tool: Tool, ...args: readonly string[]): Promise<string> {
    const at = `${this.file}@@${this.#range.offset}`;
    const env = ['env', 'LC_ALL=C', 'MTOOLSRC=/dev/null', 'MTOOLS_SKIP_CHECK=1'];
    return this.#run([...env, ...this.#tools.command(tool), '-i', at, ...args]);
  }

  /** Returns the paths of all files and folders; those of folders end in a slash. */
  async #entries(): Promise<string[]> {
    const listing = await this.mtools('usr/bin/mdir', '-a', '-b', '-/', '::');
    const names = listing.split('\n').map((line) => line.trim().replace(/^::\//, ''));
    return names.filter((name) => name !== '');
  }

  /** Returns the paths of all files. */
  async list(): Promise<string[]> {
    return (await this.#entries()).filter((name) => !name.endsWith('/'));
  }

  async folders(): Promise<string[]> {
    const found = (await this.#entries()).filter((name) => name.endsWith('/'));
    return found.map((name) => name.slice(0, -1));
  }

  /** Copies a file to one of the workstation, until the next call. Returns its path. */
  async copy(name: string): Promise<string> {
    const copy = path.join(this.dir, 'read');
    await rm(copy, { force: true });
    await this.mtools('usr/bin/mcopy', '-n', `::${name}`, copy);
    return copy;
  }

  /** Returns the content of a file. */
  read = async (name: string): Promise<Buffer> => readFile(await this.copy(name));

  /** Returns the bytes that a folder may have: those that are free, and those of the files in it. */
  async roomIn(folder: string): Promise<number> {
    const top = await this.mtools('usr/bin/mdir', '-a', '::');
    const free = bytesIn(top, /(?<bytes>\d[\d ]*) bytes free/);
    if (!(await this.folders()).includes(folder)) return free;
    const inside = await this.mtools('usr/bin/mdir', '-a', `::${folder}`);
    return free + bytesIn(inside, /\d+ files? +(?<bytes>\d[\d ]*) bytes/);
  }

  /** Writes a file, in place of one that is there. Content of memory is in no argument: it may be secret. */
  async write(name: string, content: Uint8Array | FileContent): Promise<void> {
    let source = path.join(this.dir, 'write');
    if ('file' in content) source = content.file;
    else await writeFile(source, content, { mode: 0o600 });
    await this.mtools('usr/bin/mcopy', '-o', source, `::${name}`);
  }

  /**
   * Writes a file under another name first, so that half of it never counts, not even when the power fails.
   */
  async replace(name: string, content: Uint8Array, isThere: boolean): Promise<void> {
    const fresh = `${name}.new`;
    await this.write(fresh, content);
    if (isThere) await this.remove(name);
    await this.mtools('usr/bin/mren', `::${fresh}`, `::${name}`);
  }

  async remove(name: string): Promise<void> {
    await this.mtools('usr/bin/mdel', `::${name}`);
  }

  async makeFolder(name: string): Promise<void> {
    await this.mtools('usr/bin/mmd', '-D', 's', `::${name}`);
  }

  /**
   * Reads the partition back, checks its file system and returns it. Of a device nothing comes from a cache, because a
   * worn card may have dropped what was written.
   */
  async readBack(): Promise<CopiedPartition> {
    if (!this.#isDevice) {
      await using image = await open(this.file, 'r+');
      await image.sync();
    }
    const { offset, bytes } = this.#range;
    const copy = path.join(this.dir, 'copy');
    await writeFile(copy, '');
    await truncate(copy, bytes);
    await this.#pull({ offset, bytes: MIB }, copy, 0);
    await using esp = await open(copy, 'r');
    const boot = await esp.read(Buffer.alloc(FAT32_BOOT_BYTES), 0, FAT32_BOOT_BYTES, 0);
    const fat = decodeFat32(boot.buffer);
    if (fat === undefined) throw foreign(this.file, 'its EFI system partition is not FAT32');
    const head = { offset, bytes: fat.dataAt };
    await this.#pull(head, copy, 0);
    const table = Buffer.alloc(fat.table.bytes);
    await esp.read(table, 0, table.length, fat.table.offset);
    for (const used of usedInFat32(fat, table))
      await this.#pull({ offset: offset + used.offset, bytes: used.bytes }, copy, used.offset);
    await this.#tools.run('usr/sbin/fsck.fat', ['-n', copy]).catch((cause: unknown) => {
      throw new KiosError('KIOS_MEDIUM_CHECK', `check the file system of ${this.file}`, {
        cause,
        exitCode: EXIT.data,
        remedy: 'Repair it with fsck.fat, or flash the medium again.',
      });
    });
    return new CopiedPartition(copy, path.join(this.dir, 'back'), this.#tools);
  }
}

/** A partition as it was read back. */
export class CopiedPartition {
  readonly #file: string;
  readonly #dir: string;
  readonly #tools: Toolroot;

  constructor(file: string, dir: string, tools: Toolroot) {
    this.#file = file;
    this.#dir = dir;
    this.#tools = tools;
  }

  /** Copies a file to one of the workstation, until the next call. Returns its path. */
  async copy(name: string): Promise<string> {
    await mkdir(this.#dir, { recursive: true });
    const copy = path.join(this.#dir, 'read');
    await rm(copy, { force: true });
    await this.#tools.run('usr/bin/mcopy', ['-n', '-i', this.#file, `::${name}`, copy]);
    return copy;
  }

  read = async (name: string): Promise<Buffer> => readFile(await this.copy(name));
}

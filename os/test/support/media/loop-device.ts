import { type FileHandle, mkdtemp, open, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { Disk } from '../../../src/media/disks/disk.ts';
import { findDisk } from '../../../src/media/disks/lsblk.ts';
import { run } from '../../../src/workstation/run.ts';

/** A disk of the kernel whose medium is a file, into which a test can put faults at any time. */
export class LoopDevice implements AsyncDisposable {
  readonly path: string;
  readonly file: string;
  readonly #folder: string;
  readonly #medium: FileHandle;

  private constructor(path: string, file: string, folder: string, medium: FileHandle) {
    this.path = path;
    this.file = file;
    this.#folder = folder;
    this.#medium = medium;
  }

  /** Makes one with a medium of this size, in a folder of its own below `parent`. */
  static async make(bytes: number, parent = tmpdir()): Promise<LoopDevice> {
    const folder = await mkdtemp(path.join(parent, 'kios-loop-'));
    const file = path.join(folder, 'medium');
    await writeFile(file, '');
    await truncate(file, bytes);
    const device = await run('losetup', ['--find', '--show', file]);
    return new LoopDevice(device, file, folder, await open(file, 'r+'));
  }

  async disk(): Promise<Disk> {
    const disk = await findDisk(this.path);
    if (disk === undefined) throw new Error(`find ${this.path}`);
    return disk;
  }

  /** Returns a part of the medium, without the device. */
  async peek(at: number, length: number): Promise<Buffer> {
    return (await this.#medium.read(Buffer.alloc(length), 0, length, at)).buffer;
  }

  /** Changes the medium, without the device. */
  async poke(at: number, data: Uint8Array): Promise<void> {
    await this.#medium.write(data, 0, data.length, at);
  }

  /** Shortens the medium under whoever uses the device. */
  async shrink(bytes: number): Promise<void> {
    await truncate(this.file, bytes);
    await run('losetup', ['--set-capacity', this.path]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#medium.close();
    await run('losetup', ['--detach', this.path]);
    await rm(this.#folder, { recursive: true });
  }
}

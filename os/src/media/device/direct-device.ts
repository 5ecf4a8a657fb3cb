import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';

import { errorCode, type KiosError } from '@kios/errors';

import { run } from '../../workstation/run.ts';
import { difference, type DiskIdentity } from '../disks/disk.ts';
import { findDisk } from '../disks/lsblk.ts';
import { BLOCK } from '../units.ts';
import { alignedMemory } from './aligned.ts';
import type { BlockDevice, Mode } from './block-device.ts';
import { type DeviceFault, deviceError } from './device-error.ts';

const FAULTS: Readonly<Record<string, DeviceFault>> = {
  EBUSY: 'busy',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'protected',
  ENOSPC: 'full',
  ENODEV: 'gone',
  ENXIO: 'gone',
  ENOENT: 'gone',
  ENOMEDIUM: 'gone',
};
const WORDS: Readonly<Record<DeviceFault, string>> = {
  busy: 'something uses it',
  changed: 'it is another one now',
  denied: 'this user may not',
  full: 'it ends there, whatever size it says to have',
  gone: 'it is gone',
  io: 'the device reports a fault',
  protected: 'it is write-protected',
};

/** Returns the size that the kernel gives a device; 0 once it is gone. */
async function currentBytes(number: string): Promise<number> {
  const sectors = await readFile(`/sys/dev/block/${number}/size`, 'utf8').catch(() => '0');
  return Number(sectors) * 512; // the kernel counts in 512 bytes, whatever the device's sectors are
}

/** A real disk. Reads and writes pass by the page cache, so that a fault is told where it is, and when. */
export class DirectDevice implements BlockDevice {
  readonly disk: DiskIdentity;
  readonly bytes: number;
  readonly #handle: FileHandle;
  readonly #mode: Mode;
  readonly #buffer = alignedMemory(BLOCK);
  readonly #zeros = alignedMemory(BLOCK);

  constructor(disk: DiskIdentity, bytes: number, handle: FileHandle, mode: Mode) {
    this.disk = disk;
    this.bytes = bytes;
    this.#handle = handle;
    this.#mode = mode;
  }

  async write(at: number, data: Uint8Array): Promise<void> {
    for (let done = 0; done < data.length; done += BLOCK) {
      const piece = data.subarray(done, done + BLOCK);
      this.#buffer.set(piece);
      await this.#put(at + done, this.#buffer.subarray(0, piece.length));
    }
  }

  async zero(at: number, length: number): Promise<void> {
    for (let done = 0; done < length; done += BLOCK)
      await this.#put(at + done, this.#zeros.subarray(0, Math.min(BLOCK, length - done)));
  }

  async flush(): Promise<void> {
    await this.#handle.sync().catch(async (error: unknown) => {
      throw await this.#fault(`flush ${this.disk.path}`, error);
    });
  }

  async digest(at: number, length: number): Promise<string> {
    const hash = createHash('sha256');
    for await (const piece of this.#pieces(at, length)) hash.update(piece);
    return hash.digest('hex');
  }

  async read(at: number, length: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    for await (const piece of this.#pieces(at, length)) pieces.push(Buffer.from(piece));
    return Buffer.concat(pieces);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle.close();
    // udev does the same, where it runs. It fails when somebody has opened the device meanwhile, who then does it.
    if (this.#mode === 'write')
      await run('blockdev', ['--rereadpt', this.disk.path]).catch(() => {});
  }

  /** Writes memory that begins at a page. The kernel may take a part of it. */
  async #put(at: number, data: Buffer): Promise<void> {
    for (let done = 0; done < data.length;) {
      const left = data.length - done;
      const { bytesWritten } = await this.#handle
        .write(data, done, left, at + done)
        .catch(async (error: unknown) => {
          throw await this.#fault(
            `write ${left} bytes at byte ${at + done} of ${this.disk.path}`,
            error,
          );
        });
      done += bytesWritten;
    }
  }

  /** Yields the content of the medium in memory that the next piece replaces. */
  async *#pieces(at: number, length: number): AsyncGenerator<Buffer> {
    for (let done = 0; done < length;) {
      const wanted = Math.min(BLOCK, length - done);
      const attempt = `read ${wanted} bytes at byte ${at + done} of ${this.disk.path}`;
      const { bytesRead } = await this.#handle
        .read(this.#buffer, 0, wanted, at + done)
        .catch(async (error: unknown) => {
          throw await this.#fault(attempt, error);
        });
      if (bytesRead === 0) throw await this.#fault(attempt, undefined);
      yield this.#buffer.subarray(0, bytesRead);
      done += bytesRead;
    }
  }

  /** A device that was pulled out reports any fault, so the kernel is asked whether it is still there. */
  async #fault(attempt: string, error: unknown): Promise<KiosError> {
    const code = error === undefined ? 'ENOSPC' : (errorCode(error) ?? 'EIO');
    const now = await currentBytes(this.disk.number);
    if (now === 0) return deviceError('gone', attempt, WORDS.gone);
    if (now < this.bytes)
      return deviceError('gone', attempt, `it has ${now} bytes now and had ${this.bytes}`);
    const fault = FAULTS[code] ?? 'io';
    return deviceError(fault, attempt, fault === 'io' ? `${WORDS.io} (${code})` : WORDS[fault]);
  }
}

/** Opens a disk if it is still the chosen one: by path, size, serial number and what else tells disks apart. */
export async function openDirect(chosen: DiskIdentity, mode: Mode): Promise<BlockDevice> {
  const { O_RDONLY, O_RDWR, O_EXCL, O_DIRECT } = constants;
  const attempt = `open ${chosen.path}`;
  const flags = mode === 'write' ? O_RDWR | O_EXCL : O_RDONLY;
  const handle = await open(chosen.path, flags | O_DIRECT).catch((error: unknown) => {
    const fault = FAULTS[errorCode(error) ?? ''] ?? 'io';
    throw deviceError(fault, attempt, WORDS[fault]);
  });
  try {
    const found = await findDisk(chosen.path);
    const { rdev } = await handle.stat({ bigint: true });
    const [major, minor] = [(rdev >> 8n) & 0xfffn, (rdev & 0xffn) | ((rdev >> 12n) & 0xfff00n)];
    const differs = found === undefined ? 'it is no block device now' : difference(chosen, found);
    if (differs !== undefined) throw deviceError('changed', attempt, differs);
    if (`${major}:${minor}` !== chosen.number) throw deviceError('changed', attempt, WORDS.changed);
    const bytes = await currentBytes(chosen.number);
    if (bytes !== chosen.bytes) throw deviceError('changed', attempt, WORDS.changed);
    return new DirectDevice(chosen, bytes, handle, mode);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

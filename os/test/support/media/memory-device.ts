import { createHash } from 'node:crypto';

import type { BlockDevice } from '../../../src/media/device/block-device.ts';
import { deviceError } from '../../../src/media/device/device-error.ts';
import type { DiskIdentity } from '../../../src/media/disks/disk.ts';

/** A sector that was written and not yet flushed. */
interface Cached {
  readonly at: number;
  readonly data: Buffer;
}

const SECTOR = 512;

/** The operations of a device, in the order of their calls. */
export type Operation = 'write' | 'zero' | 'flush' | 'digest' | 'read';

/** The faults that a device can have; each is asked at each operation. */
export interface Faults {
  /** Runs before each operation, and may throw. */
  readonly before?: (operation: Operation, at: number) => void;
  /** Returns what the medium stores of a sector; undefined for nothing. */
  readonly store?: (at: number, data: Buffer) => { at: number; data: Buffer } | undefined;
}

/** A disk in memory with a cache that a power cut empties, as the port's contract demands of a real one. */
export class MemoryDevice implements BlockDevice {
  readonly disk: DiskIdentity;
  readonly medium: Buffer;
  readonly #faults: Faults;
  #cache: Cached[] = [];

  constructor(medium: Buffer, faults: Faults = {}) {
    this.medium = medium;
    this.#faults = faults;
    this.disk = { path: '/dev/fake', bytes: medium.length, number: '0:0' };
  }

  get bytes(): number {
    return this.disk.bytes;
  }

  async write(at: number, data: Uint8Array): Promise<void> {
    this.#faults.before?.('write', at);
    this.#put('write', at, Buffer.from(data));
  }

  async zero(at: number, length: number): Promise<void> {
    this.#faults.before?.('zero', at);
    this.#put('write', at, Buffer.alloc(length));
  }

  async flush(): Promise<void> {
    this.#faults.before?.('flush', 0);
    for (const { at, data } of this.#cache) this.#store(this.medium, at, data);
    this.#cache = [];
  }

  async digest(at: number, length: number): Promise<string> {
    this.#faults.before?.('digest', at);
    return createHash('sha256').update(this.#view(at, length)).digest('hex');
  }

  async read(at: number, length: number): Promise<Buffer> {
    this.#faults.before?.('read', at);
    return Buffer.from(this.#view(at, length));
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Returns the medium after a power cut. `survives` decides which of the unflushed sectors had reached it. */
  afterPowerCut(survives: (index: number) => boolean): Buffer {
    const left = Buffer.from(this.medium);
    for (const [index, { at, data }] of this.#cache.entries())
      if (survives(index)) this.#store(left, at, data);
    return left;
  }

  #put(verb: string, at: number, data: Buffer): void {
    if (at + data.length > this.bytes)
      throw deviceError(
        'full',
        `${verb} ${data.length} bytes at byte ${at} of /dev/fake`,
        'it ends there',
      );
    // Media write in any unit; one sector at a time would make the tests slow, and the head is what matters.
    const unit = at === 0 ? SECTOR : data.length;
    for (let done = 0; done < data.length; done += unit)
      this.#cache.push({ at: at + done, data: data.subarray(done, done + unit) });
  }

  #store(medium: Buffer, at: number, data: Buffer): void {
    const stored = this.#faults.store === undefined ? { at, data } : this.#faults.store(at, data);
    stored?.data.copy(medium, stored.at);
  }

  #view(at: number, length: number): Buffer {
    if (at + length > this.bytes)
      throw deviceError('full', `read ${length} bytes at byte ${at} of /dev/fake`, 'it ends there');
    return this.#cache.length === 0
      ? this.medium.subarray(at, at + length)
      : this.afterPowerCut(() => true).subarray(at, at + length);
  }
}

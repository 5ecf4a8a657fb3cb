import { SECTOR } from '../../build/formats/gpt.ts';
import type { BlockDevice } from '../device/block-device.ts';
import { applyOverlays, fitImage, type Fitted, type ImageHead } from '../image/head.ts';
import { imageError } from '../image/image-error.ts';
import { HEAD } from '../units.ts';
import { checkPart } from './check.ts';
import { type Fingerprint, fingerprint, isZero } from './fingerprint.ts';

/** The steps of a flash, in their order. Until the last one has ended, nothing starts from the medium. */
export type Stage = 'clear' | 'write' | 'check' | 'finish';

/** An image whose first block was already read. */
export interface OpenImage {
  readonly name: string;
  readonly head: ImageHead;
  /** The first block, which holds the head. */
  readonly first: Buffer;
  /** The blocks after the first one. */
  readonly rest: AsyncIterable<Buffer>;
}

export interface WriteOptions {
  readonly signal: AbortSignal;
  /** Runs one stage; `done` is told the bytes that lie behind it, of `total` where that is known. */
  readonly stage: (
    name: Stage,
    total: number | undefined,
    work: (done: (bytes: number) => void) => Promise<void>,
  ) => Promise<void>;
}

/** Bytes at the end of a disk that are cleared first, so that an old second partition table is gone. */
const TAIL = HEAD;

/** Writes one image to one device. */
class Flash {
  readonly #device: BlockDevice;
  readonly #image: OpenImage;
  readonly #signal: AbortSignal;
  readonly #fitted: Fitted;
  /** What the medium must hold after the stage `write`. */
  readonly parts: Fingerprint[] = [];

  constructor(device: BlockDevice, image: OpenImage, signal: AbortSignal) {
    this.#device = device;
    this.#image = image;
    this.#signal = signal;
    this.#fitted = fitImage(image.first.subarray(0, HEAD), device.bytes);
  }

  async clear(): Promise<void> {
    const { bytes } = this.#device;
    await this.#device.zero(0, HEAD);
    const tail = Math.min(TAIL, bytes - HEAD);
    await this.#device.zero(bytes - tail, tail);
    await this.#device.flush();
  }

  /** Writes all but the head and the second table. While a block is written, the next one is read. */
  async write(done: (bytes: number) => void): Promise<number> {
    let at = 0;
    let pending: Promise<void> = Promise.resolve();
    for await (const block of this.#blocks()) {
      this.#signal.throwIfAborted();
      this.#checkBlock(at, block);
      applyOverlays(block, at, this.#fitted.overlays);
      const skipped = at === 0 ? HEAD : 0;
      const part = block.subarray(skipped);
      if (part.length > 0) this.parts.push(fingerprint(at + skipped, part));
      await pending;
      done(at);
      pending = this.#put(at + skipped, part);
      pending.catch(() => {}); // awaited with the next block
      at += block.length;
    }
    await pending;
    this.#checkEnd(at);
    await this.#device.flush();
    return at;
  }

  async check(done: (bytes: number) => void): Promise<void> {
    for (const part of this.parts) {
      this.#signal.throwIfAborted();
      await checkPart(this.#device, part, this.#image.head.partitions);
      done(part.at + part.bytes);
    }
  }

  /** Writes what makes the rest count: the second table, and the head when all else is safe and right. */
  async finish(): Promise<void> {
    const { backup, head } = this.#fitted;
    this.#signal.throwIfAborted();
    if (backup !== undefined) await this.#putSafely(backup.offset, backup.bytes);
    this.#signal.throwIfAborted();
    try {
      await this.#putSafely(0, head);
    } catch (error) {
      await this.clear().catch(() => {}); // a medium with a wrong head must not start either
      throw error;
    }
  }

  async *#blocks(): AsyncGenerator<Buffer> {
    yield this.#image.first;
    yield* this.#image.rest;
  }

  async #put(at: number, data: Buffer): Promise<void> {
    if (isZero(data)) await this.#device.zero(at, data.length);
    else await this.#device.write(at, data);
  }

  async #putSafely(at: number, data: Buffer): Promise<void> {
    await this.#device.write(at, data);
    await this.#device.flush();
    await checkPart(this.#device, fingerprint(at, data), this.#image.head.partitions);
  }

  #checkBlock(at: number, block: Buffer): void {
    const { name, head } = this.#image;
    const end = at + block.length;
    if (head.bytes !== undefined && end > head.bytes)
      throw imageError(name, `it goes on after the ${head.bytes} bytes that its table speaks of`);
    if (end > this.#device.bytes)
      throw imageError(name, `it is larger than ${this.#device.disk.path}`, 'Use a larger medium.');
    if (block.length % SECTOR !== 0)
      throw imageError(name, `it ends after ${end} bytes, in the middle of a sector`);
  }

  #checkEnd(bytes: number): void {
    const { name, head } = this.#image;
    const wanted = head.bytes ?? head.needed;
    if (bytes < wanted) throw imageError(name, `it ends after ${bytes} of ${wanted} bytes`);
  }
}

/**
 * Writes an image and proves that the medium holds it. Whatever ends it early, be it a power cut, leaves a medium
 * without a partition table. Returns the size of the image.
 */
export async function writeImage(
  device: BlockDevice,
  image: OpenImage,
  { signal, stage }: WriteOptions,
): Promise<number> {
  const flash = new Flash(device, image, signal);
  let bytes = 0;
  await stage('clear', undefined, () => flash.clear());
  await stage('write', image.head.bytes, async (done) => {
    bytes = await flash.write(done);
  });
  await stage('check', bytes, (done) => flash.check(done));
  await stage('finish', undefined, () => flash.finish());
  return bytes;
}

import { EXIT, KiosError } from '@kios/errors';

/** Malformed bytes or text. */
export class DecodeError extends KiosError {
  constructor(message: string) {
    super('KIOS_DECODE', message, { exitCode: EXIT.data });
  }
}

/** Reads bytes in sequence, never past their end. Numbers are big-endian unless the method's name ends in `le`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u16le(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32le(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  i32le(): number {
    return this.#view.getInt32(this.#take(4), true);
  }

  /** Returns a copy of the next `length` bytes. */
  bytes(length: number): Uint8Array {
    const start = this.#take(length);
    return this.#bytes.slice(start, start + length);
  }

  /** Returns a copy of the remaining bytes. */
  rest(): Uint8Array {
    return this.bytes(this.remaining);
  }

  skip(length: number): void {
    this.#take(length);
  }

  expectEnd(): void {
    if (this.remaining > 0) throw new DecodeError(`decode bytes: ${this.remaining} are left over`);
  }

  #take(length: number): number {
    const start = this.#offset;
    if (length > this.remaining) {
      throw new DecodeError(
        `decode bytes: need ${length} bytes at ${start}, have ${this.remaining}`,
      );
    }
    this.#offset += length;
    return start;
  }
}

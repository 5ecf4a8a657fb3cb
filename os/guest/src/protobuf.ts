/** Protocol Buffers, as far as messages of CRI need them: numbers, texts and messages. */

const VARINT = 0;
const BYTES = 2;
const EMPTY = new Uint8Array();

const isLast = (byte: number): boolean => byte < 0x80;

function varint(value: number): number[] {
  if (value < 0x80) return [value];
  return [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}

/** Encodes a number, a text or a message as a field. */
export function encodeField(field: number, value: number | string | Uint8Array): Uint8Array {
  if (typeof value === 'number')
    return Uint8Array.of(...varint((field << 3) | VARINT), ...varint(value));
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value;
  return Buffer.concat([
    Uint8Array.of(...varint((field << 3) | BYTES), ...varint(bytes.length)),
    bytes,
  ]);
}

/** A decoded message. An absent field is 0, empty, or no message, as the encoding has it. */
export class Message {
  readonly #numbers = new Map<number, number>();
  readonly #chunks = new Map<number, Uint8Array[]>();

  constructor(bytes: Uint8Array) {
    let at = 0;
    const next = (): number => {
      let value = 0;
      for (let scale = 1; ; scale *= 128) {
        const byte = bytes[at++];
        if (byte === undefined) throw new RangeError('read a message: it is cut short');
        value += (byte & 0x7f) * scale;
        if (isLast(byte)) return value;
      }
    };
    while (at < bytes.length) {
      const key = next();
      const [field, kind] = [key >> 3, key & 7];
      const value = next();
      if (kind === VARINT) this.#numbers.set(field, value);
      else if (kind === BYTES) {
        const known = this.#chunks.get(field) ?? [];
        this.#chunks.set(field, [...known, bytes.subarray(at, at + value)]);
        at += value;
      } else throw new RangeError(`read field ${field}: it has wire type ${kind}`);
    }
  }

  number(field: number): number {
    return this.#numbers.get(field) ?? 0;
  }

  text(field: number): string {
    return new TextDecoder().decode(this.#chunks.get(field)?.at(-1) ?? EMPTY);
  }

  message(field: number): Message {
    return new Message(this.#chunks.get(field)?.at(-1) ?? EMPTY);
  }

  messages(field: number): Message[] {
    return (this.#chunks.get(field) ?? []).map((bytes) => new Message(bytes));
  }
}

import type { Random } from '@kios/bytes/testing';

/** Makes a broken message of a good one; `seeds` are others. */
export type Mutation = (message: Buffer, random: Random, seeds: readonly Buffer[]) => Buffer;

/** About as long as a message can be. */
export const HUGE = 65_000;

/** Random bytes, half of them of values at which a format has its borders. */
export class Noise {
  readonly #borders: readonly number[];

  constructor(borders: readonly number[]) {
    this.#borders = borders;
  }

  byte(random: Random): number {
    return random.next() < 0.5 ? random.pick(this.#borders) : random.below(256);
  }

  bytes(random: Random, length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.byte(random)));
  }
}

export const insert = (message: Buffer, at: number, piece: Buffer): Buffer =>
  Buffer.concat([message.subarray(0, at), piece, message.subarray(at)]);

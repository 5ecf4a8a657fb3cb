import type { Random } from '@kios/bytes/testing';

import { HUGE, insert, type Mutation, Noise } from './noise.ts';

/*
 * Ways to break a message of DHCPv6 or a router advertisement, beyond a change of single bytes.
 */

const NOISE = new Noise([0, 1, 2, 3, 4, 5, 7, 8, 16, 24, 32, 63, 64, 127, 128, 0xc0, 0xfe, 0xff]);
const CODES = [0, 1, 2, 3, 5, 6, 7, 8, 13, 14, 15, 16, 20, 23, 24, 31, 32, 39, 56, 82, 83] as const;

/** An option of DHCPv6 with a right or a wrong length. */
function option(random: Random): Buffer {
  const value = NOISE.bytes(random, random.below(random.next() < 0.1 ? 300 : 30));
  const length = random.next() < 0.9 ? value.length : random.below(0x1_0000);
  return Buffer.concat([Buffer.of(0, random.pick(CODES), length >> 8, length & 0xff), value]);
}

const somewhere = (message: Buffer, random: Random): number => random.below(message.length + 1);

/** Offsets at which an option of DHCPv6 begins. */
function border(message: Buffer, random: Random): number {
  const all: number[] = [];
  for (let at = 4; at + 4 <= message.length; at += 4 + message.readUInt16BE(at + 2)) all.push(at);
  return all.length === 0 ? somewhere(message, random) : random.pick(all);
}

const setByte: Mutation = (message, random) => {
  const copy = Buffer.from(message);
  if (copy.length > 0) copy[random.below(copy.length)] = NOISE.byte(random);
  return copy;
};

/** Changes a number of four bytes, such as a lifetime. */
const setWord: Mutation = (message, random) => {
  const copy = Buffer.from(message);
  const value = random.pick([0, 1, 29, 30, 59, 60, 3600, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff]);
  if (copy.length >= 4) copy.writeUInt32BE(value, random.below(copy.length - 3));
  return copy;
};

const MUTATIONS: readonly Mutation[] = [
  setByte,
  setWord,
  (message, random) => insert(message, border(message, random), option(random)),
  (message, random) => message.subarray(0, somewhere(message, random)),
  // Repeats a piece.
  (message, random) => {
    const at = border(message, random);
    return insert(message, border(message, random), message.subarray(at, at + NOISE.byte(random)));
  },
  // Joins the options of one message to the rest of another.
  (message, random, seeds) => {
    const other = random.pick(seeds);
    const [head, tail] = [border(message, random), border(other, random)];
    return Buffer.concat([message.subarray(0, head), other.subarray(tail)]);
  },
];

const RARE: readonly Mutation[] = [
  (_, random) => NOISE.bytes(random, random.below(600)),
  (message, random) => {
    const flood = Array.from({ length: HUGE / 16 }, () => option(random));
    return Buffer.concat([message, ...flood]).subarray(0, HUGE);
  },
];
const RARELY = 1 / 2000;

/** Breaks one of the seeds in up to three ways. */
export function mutate6(seeds: readonly Buffer[], random: Random): Buffer {
  let message = random.pick(seeds);
  if (random.next() < RARELY) return random.pick(RARE)(message, random, seeds);
  for (let left = 1 + random.below(3); left > 0; left -= 1) {
    message = random.pick(MUTATIONS)(message, random, seeds);
  }
  return message;
}

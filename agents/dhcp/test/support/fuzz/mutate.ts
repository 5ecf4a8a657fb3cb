import type { Random } from '@kios/bytes/testing';

import { HUGE, insert, type Mutation, Noise } from './noise.ts';

/*
 * Ways to break a message. Blind noise seldom gets past the cookie, so most of them change only options.
 */

const OPTIONS_AT = 240;
const SNAME_AT = 44;
const SNAME_AND_FILE = 192;
/** Codes that the agent reads, and some that it does not. */
const CODES = [
  0, 1, 3, 6, 12, 15, 26, 28, 33, 42, 43, 50, 51, 52, 53, 54, 56, 58, 59, 61, 80, 82, 108, 116, 119, 121, 160, 249, 255,
] as const; // prettier-ignore
const NOISE = new Noise([0, 1, 3, 4, 5, 8, 24, 31, 32, 33, 63, 64, 127, 128, 0xc0, 0xfe, 0xff]);

/** An option with a right or a wrong length. */
function option(random: Random): Buffer {
  const value = NOISE.bytes(random, random.below(random.next() < 0.1 ? 256 : 12));
  const length = random.next() < 0.9 ? value.length : random.below(256);
  return Buffer.concat([Buffer.of(random.pick(CODES), length), value]);
}

/** Offsets at which options begin. */
function starts(message: Buffer): number[] {
  const found: number[] = [];
  for (let at = OPTIONS_AT; at + 1 < message.length && message[at] !== 0xff;) {
    found.push(at);
    at += message[at] === 0 ? 1 : 2 + message.readUInt8(at + 1);
  }
  return found;
}

/** A random offset at which an option begins. */
const border = (message: Buffer, random: Random): number => {
  const all = starts(message);
  return all.length === 0 ? Math.min(OPTIONS_AT, message.length) : random.pick(all);
};

function setByte(message: Buffer, from: number, random: Random): Buffer {
  if (message.length <= from) return message;
  const copy = Buffer.from(message);
  copy[from + random.below(message.length - from)] = NOISE.byte(random);
  return copy;
}

const MUTATIONS: readonly Mutation[] = [
  (message, random) => setByte(message, OPTIONS_AT, random),
  (message, random) => setByte(message, OPTIONS_AT, random),
  (message, random) => setByte(message, 0, random),
  (message, random) => insert(message, border(message, random), option(random)),
  (message, random) => insert(message, border(message, random), option(random)),
  (message, random) => message.subarray(0, random.below(message.length + 1)),
  // Repeats an option, as the second part of a value.
  (message, random) => {
    const at = border(message, random);
    return insert(
      message,
      border(message, random),
      message.subarray(at, at + 2 + NOISE.byte(random)),
    );
  },
  (message, random) => {
    const at = border(message, random);
    const copy = Buffer.from(message);
    if (at + 1 < copy.length) copy[at + 1] = NOISE.byte(random);
    return copy;
  },
  // Joins the options of one server to the rest of another.
  (message, random, seeds) => {
    const other = random.pick(seeds);
    return Buffer.concat([
      message.subarray(0, border(message, random)),
      other.subarray(border(other, random)),
    ]);
  },
  // Puts options into the other fields.
  (message, random) => {
    const copy = insert(message, border(message, random), Buffer.of(52, 1, random.below(5)));
    if (copy.length < OPTIONS_AT) return copy;
    for (let at = SNAME_AT; at < SNAME_AT + SNAME_AND_FILE;)
      at += option(random).copy(copy, at, 0, SNAME_AT + SNAME_AND_FILE - at);
    return copy;
  },
];

const RARE: readonly Mutation[] = [
  (_, random) => NOISE.bytes(random, random.below(600)),
  (message, random) => {
    const flood = Array.from({ length: HUGE / 8 }, () => option(random));
    return Buffer.concat([message.subarray(0, OPTIONS_AT), ...flood]).subarray(0, HUGE);
  },
  (message, random) => {
    const same = Buffer.concat([Buffer.of(random.pick(CODES), 4), NOISE.bytes(random, 4)]);
    return insert(message, border(message, random), Buffer.concat(Array<Buffer>(300).fill(same)));
  },
];
const RARELY = 1 / 2000;

/** Breaks one of the seeds in one to four ways. */
export function mutate(seeds: readonly Buffer[], random: Random): Buffer {
  let message = random.pick(seeds);
  if (random.next() < RARELY) return random.pick(RARE)(message, random, seeds);
  for (let left = 1 + random.below(4); left > 0; left -= 1)
    message = random.pick(MUTATIONS)(message, random, seeds);
  return message;
}

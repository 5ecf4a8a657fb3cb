import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { Random } from '@kios/bytes/testing';
import { describe, expect, it } from 'vitest';

import { decodeFrame } from '../../src/core/wire/frame.ts';
import { decodeMessage } from '../../src/core/wire/message.ts';
import { type Depth, digestMessage } from '../support/fuzz/digest-message.ts';
import { mutate } from '../support/fuzz/mutate.ts';

const VECTORS = path.join(import.meta.dirname, '../vectors');
const PACKETS = Number(process.env['KIOS_FUZZ_PACKETS'] ?? 1_000_000);
const SEED = Number(process.env['KIOS_FUZZ_SEED'] ?? 2131);

const readHex = (file: string): Buffer =>
  Buffer.from(readFileSync(file, 'utf8').replaceAll(/\s/g, ''), 'hex');

const filesOf = (folder: string): string[] =>
  readdirSync(folder).filter((name) => name.endsWith('.hex'));

/** Frames of real servers, as read from the packet socket, each addressed to another machine. */
const seeds = filesOf(VECTORS).map((name) =>
  Buffer.from(decodeFrame(readHex(path.join(VECTORS, name))).payload),
);

const MAC = '02:00:00:00:00:01';
/** All of them for the same machine, so that they can be mixed. */
const ours = seeds.map((seed) => {
  const copy = Buffer.from(seed);
  copy.write(MAC.replaceAll(':', ''), 28, 'hex');
  return copy;
});
const WHO = {
  mac: MAC,
  clientId: undefined,
  hostname: undefined,
  wantsHostname: true,
  maxMessageSize: 1500,
  extraOptions: [],
  sent: [],
};

describe('the messages of real servers', () => {
  it.each(filesOf(VECTORS))('%s grants a lease', (name) => {
    const { payload } = decodeFrame(readHex(path.join(VECTORS, name)));
    const { chaddr } = decodeMessage(payload);
    expect(digestMessage(payload, { ...WHO, mac: chaddr })).toBe('lease');
  });
});

describe('messages that once broke something', () => {
  const folder = path.join(VECTORS, 'fuzz');

  it.each(filesOf(folder))('%s', (name) => {
    expect(() => digestMessage(readHex(path.join(folder, name)), WHO)).not.toThrow();
  });
});

describe(`${PACKETS} messages, seed ${SEED}`, () => {
  it('each give a lease, are refused, or are not a message', { timeout: 300_000 }, () => {
    const random = new Random(SEED);
    const depths: Record<Depth, number> = { undecodable: 0, 'not for us': 0, refused: 0, lease: 0 };
    for (let packet = 0; packet < PACKETS; packet += 1) {
      const message = mutate(ours, random);
      try {
        depths[digestMessage(message, WHO)] += 1;
      } catch (cause) {
        // Keep the bytes as test/vectors/fuzz/NAME.hex.
        throw new Error(`packet ${packet} of seed ${SEED}: ${message.toString('hex')}`, { cause });
      }
    }
    // Noise that is never decoded would prove nothing.
    for (const count of Object.values(depths)) expect(count).toBeGreaterThan(PACKETS / 100);
  });
});

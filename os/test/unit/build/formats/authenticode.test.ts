import { createHash } from 'node:crypto';

import { expect, it } from 'vitest';

import { programDigest } from '../../../../src/build/formats/authenticode.ts';
import { makeUki } from '../../../../src/build/formats/uki.ts';
import { makeStub } from '../../../support/stub.ts';

const program = makeUki(makeStub(), [{ name: '.linux', content: Buffer.alloc(1000, 9) }]);
const hex = (file: Buffer): string => programDigest(file).toString('hex');

const OPTIONAL = 64 + 24;
const CHECKSUM = OPTIONAL + 64;
const DIRECTORY = OPTIONAL + 112 + 4 * 8;

/** Signs as sbsign does: the signatures lie at the end, and the header has their place. */
function signed(file: Buffer): Buffer {
  const copy = Buffer.concat([file, Buffer.alloc(1600, 3)]);
  copy.writeUInt32LE(0x1234, CHECKSUM);
  copy.writeUInt32LE(file.length, DIRECTORY);
  copy.writeUInt32LE(1600, DIRECTORY + 4);
  return copy;
}

it('is that of the whole file without the checksum and the place of signatures', () => {
  const hash = createHash('sha256')
    .update(program.subarray(0, CHECKSUM))
    .update(program.subarray(CHECKSUM + 4, DIRECTORY))
    .update(program.subarray(DIRECTORY + 8));
  expect(hex(program)).toBe(hash.digest('hex'));
});

it('is the same of the signed file', () => expect(hex(signed(program))).toBe(hex(program)));

it('is another one when anything else was changed, also behind the sections', () => {
  for (const at of [0x10, OPTIONAL + 16, DIRECTORY + 8, 1024, program.length - 1]) {
    const changed = Buffer.from(program);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect([at, hex(changed) === hex(program)]).toEqual([at, false]);
  }
  expect(hex(Buffer.concat([program, Buffer.alloc(8)]))).not.toBe(hex(program));
});

it('is none of what is no program', () => {
  for (const file of [Buffer.alloc(0), Buffer.alloc(4096), program.subarray(0, 200)])
    expect(() => programDigest(file)).toThrow('it is not a PE32+ file');
});

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { zstdCompressSync } from 'node:zlib';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { TypeInformation } from '../../../../src/build/formats/btf.ts';
import { guardLayout, layoutOf } from '../../../../src/build/kernel/guard-layout.ts';
import { repository } from '../../../../src/workstation/paths.ts';
import { exampleTypes, type Member, TypeWriter } from '../../../support/type-information.ts';

const Layout = v.strictObject({
  v: v.literal(1),
  kernel: v.string(),
  functions: v.record(v.string(), v.number()),
  offsets: v.record(v.string(), v.number()),
});
const VECTOR = path.join(repository, 'packages/host-api/vectors/kernel-layout.json');

/** Writes a kernel for x86 around an ELF file with one section. */
function kernelWith(name: string, section: Buffer): Buffer {
  const names = Buffer.from(`\0${name}\0`, 'latin1');
  const elf = Buffer.alloc(64 + 2 * 64);
  elf.writeUInt32BE(0x7f454c46, 0);
  elf.writeUInt8(2, 4);
  elf.writeUInt8(1, 5);
  elf.writeBigUInt64LE(64n, 40);
  elf.writeUInt16LE(64, 58);
  elf.writeUInt16LE(2, 60);
  for (const [index, { length }] of [names, section].entries()) {
    const header = 64 + index * 64;
    elf.writeUInt32LE(index, header);
    elf.writeBigUInt64LE(BigInt(elf.length + (index === 0 ? 0 : names.length)), header + 24);
    elf.writeBigUInt64LE(BigInt(length), header + 32);
  }
  const payload = zstdCompressSync(Buffer.concat([elf, names, section]));
  const image = Buffer.alloc(2 * 512 + payload.length + 4);
  image.writeUInt8(1, 0x1f1);
  image.writeUInt32LE(0, 0x248);
  image.writeUInt32LE(payload.length + 4, 0x24c);
  payload.copy(image, 2 * 512);
  return image;
}

describe('what init’s guard has to know of a kernel', async () => {
  const vector = v.parse(Layout, JSON.parse(await readFile(VECTOR, 'utf8')));

  /** Type information that has what the vector says. */
  function typesOfVector(): Buffer {
    const structures = new Map<string, Member[]>();
    for (const [name, bytes] of Object.entries(vector.offsets)) {
      const [structure = '', field = ''] = name.split('.');
      const member: Member = [field, 0, bytes * 8];
      structures.set(structure, [...(structures.get(structure) ?? []), member]);
    }
    const writer = new TypeWriter();
    let written = 0;
    for (const [name, members] of structures) {
      writer.structure('struct', name, ...members);
      written += 1;
    }
    for (const [name, id] of Object.entries(vector.functions).toSorted(([, a], [, b]) => a - b)) {
      for (; written < id - 1; written += 1) writer.add('int', `filler${written}`, 0, 32);
      writer.add('function', name);
      written += 1;
    }
    return writer.bytes();
  }

  it('is found in its compressed file, and written as init reads it', () => {
    const layout = guardLayout(kernelWith('.BTF', typesOfVector()), vector.kernel);
    expect(JSON.parse(layout)).toEqual(vector);
  });

  it('is a fault if the kernel lacks a field, or all', () => {
    expect(() => layoutOf(new TypeInformation(exampleTypes()), '6.12.0')).toThrow(
      /the kernel.* has no/,
    );
    expect(() => guardLayout(kernelWith('.data', exampleTypes()), '6.12.0')).toThrow(
      'the kernel 6.12.0 has no type information',
    );
  });
});

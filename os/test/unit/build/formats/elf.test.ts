import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, it } from 'vitest';

import { libraryClosure, neededLibraries } from '../../../../src/build/formats/elf.ts';
import { run } from '../../../../src/workstation/run.ts';

/** A 64-bit ELF file that needs `names`; its strings are loaded at another address than they have in the file. */
function makeElf(names: readonly string[]): Buffer {
  const [stringsAt, dynamicAt, address] = [256, 512, 0x40_0000];
  const elf = Buffer.alloc(1024);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(2, 56);
  const segment = (at: number, type: number, offset: number, size: number): void => {
    elf.writeUInt32LE(type, at);
    elf.writeBigUInt64LE(BigInt(offset), at + 8);
    elf.writeBigUInt64LE(BigInt(address + offset), at + 16);
    elf.writeBigUInt64LE(BigInt(size), at + 32);
  };
  segment(64, 1, stringsAt, 256);
  segment(120, 2, dynamicAt, (names.length + 2) * 16);
  let offset = 1;
  const entries: [number, number][] = [[5, address + stringsAt]];
  for (const name of names) {
    elf.write(name, stringsAt + offset, 'latin1');
    entries.push([1, offset]);
    offset += name.length + 1;
  }
  for (const [index, [tag, value]] of entries.entries()) {
    elf.writeBigUInt64LE(BigInt(tag), dynamicAt + index * 16);
    elf.writeBigUInt64LE(BigInt(value), dynamicAt + index * 16 + 8);
  }
  return elf;
}

it('reads what a program needs', () => {
  expect(neededLibraries(makeElf(['libc.so.6', 'libm.so.6']))).toEqual(['libc.so.6', 'libm.so.6']);
});

it.each([process.execPath, '/bin/sh', '/usr/bin/apt-get'])(
  'reads of %s what binutils read of it',
  async (program) => {
    const said = await run('objdump', ['-p', program], { env: { LC_ALL: 'C' } });
    const needed = [...said.matchAll(/^ +NEEDED +(\S+)$/gm)].map(([, name]) => name);
    expect(needed).not.toEqual([]);
    expect(neededLibraries(await readFile(program))).toEqual(needed);
  },
);

it.each([
  ['nothing', Buffer.alloc(0)],
  ['text', Buffer.from('#!/bin/sh\n'.repeat(20))],
  ['the start of an ELF file', Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])],
  [
    'a 32-bit ELF file',
    Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 1]), Buffer.alloc(100)]),
  ],
  [
    'a program without a dynamic section',
    Buffer.concat([makeElf([]).subarray(0, 56), Buffer.alloc(100)]),
  ],
])('says that %s needs nothing', (_, bytes) => {
  expect(neededLibraries(bytes)).toEqual([]);
});

it('follows libraries through one another, each once, also in a circle', async () => {
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-elf-'));
  try {
    const at = (name: string): string => path.join(dir, name);
    await writeFile(at('program'), makeElf(['libb.so', 'liba.so']));
    await writeFile(at('liba.so'), makeElf(['libc.so']));
    await writeFile(at('libb.so'), makeElf(['liba.so', 'libc.so']));
    await writeFile(at('libc.so'), makeElf(['libb.so']));
    expect(await libraryClosure([at('program')], at)).toEqual(['liba.so', 'libb.so', 'libc.so']);
    await expect(
      libraryClosure([at('program')], (name) => {
        if (name === 'libc.so') throw new Error(`no ${name}`);
        return at(name);
      }),
    ).rejects.toThrow('no libc.so');
  } finally {
    await rm(dir, { recursive: true });
  }
});

import { readFile } from 'node:fs/promises';

import { expect, it } from 'vitest';

import { neededLibraries } from '../../../../src/build/formats/elf.ts';
import { run } from '../../../../src/workstation/run.ts';
import { makeElf } from '../../../support/elf.ts';

it('finds the libraries that a program needs', () => {
  expect(neededLibraries(makeElf(['libc.so.6', 'libm.so.6']))).toEqual(['libc.so.6', 'libm.so.6']);
});

it.each([process.execPath, '/bin/sh', '/usr/bin/apt-get'])(
  'finds the libraries of %s that binutils find',
  async (program) => {
    const dump = await run('objdump', ['-p', program], { env: { LC_ALL: 'C' } });
    const needed = [...dump.matchAll(/^ +NEEDED +(\S+)$/gm)].map(([, name]) => name);
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
])('finds no library that %s needs', (_, bytes) => {
  expect(neededLibraries(bytes)).toEqual([]);
});

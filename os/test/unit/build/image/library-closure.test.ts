import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { expect, it } from 'vitest';

import { libraryClosure } from '../../../../src/build/image/library-closure.ts';
import { makeElf } from '../../../support/elf.ts';

it('finds each library once, through other libraries and in a circle', async () => {
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

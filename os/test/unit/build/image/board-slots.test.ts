import { readFileSync } from 'node:fs';
import path from 'node:path';

import { parseChoice, prefixesOf, systemPrefix, withChoice } from '@kios/host-api/board-slots';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import {
  findBoard,
  findBoardStart,
  isBoardLine,
  PI_FILES,
} from '../../../../src/build/image/boot-file.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const vectors = v.parse(
  v.object({
    config: v.string(),
    files: v.object({
      prefix: v.string(),
      kernel: v.string(),
      initramfs: v.string(),
      commandLine: v.string(),
    }),
  }),
  JSON.parse(
    readFileSync(path.join(repository, 'packages/host-api/vectors/board-slots.json'), 'utf8'),
  ),
);
const shipped = readFileSync(path.join(repository, 'os/boards/rpi4/config.txt'), 'latin1');

const system = (number: number): string[] =>
  ['kernel8.img', 'initramfs8', 'cmdline.txt'].map((name) => systemPrefix(number) + name);

it('starts the only system of a fresh medium, which is good', () =>
  expect(parseChoice(shipped)).toEqual({ next: 1, good: 1, trial: 0 }));

describe('the files of a system', () => {
  const { prefix, kernel, initramfs, commandLine } = vectors.files;

  it('have the names that all programs know', () => {
    expect([PI_FILES.kernel, PI_FILES.initramfs, PI_FILES.commandLine].map((name) => prefix + name)).toEqual([kernel, initramfs, commandLine]); // prettier-ignore
    expect(PI_FILES.config).toBe(vectors.config);
  });

  it('are found in each folder, and at the top', () => {
    const files = ['kernel8.img', 'system/0001/kernel8.img', 'SYSTEM/0002/KERNEL8.IMG', 'x/kernel8.img']; // prettier-ignore
    expect(prefixesOf(files, PI_FILES.kernel)).toEqual(['', 'system/0001/', 'SYSTEM/0002/']);
    expect(['cmdline.txt', 'system/0001/cmdline.txt'].every(isBoardLine)).toBe(true);
    expect(['kios/cmdline.txt', 'system/cmdline.txt'].some(isBoardLine)).toBe(false);
  });

  const top = ['config.txt', 'start4.elf', 'kios/README.txt'];
  it('start when config.txt names them', () => {
    const files = [...top, ...system(1), ...system(2)];
    expect(findBoard(files)).toBe('rpi4');
    const start = (config: string) => findBoardStart(files, config);
    expect(start(shipped)).toEqual({ board: 'rpi4', prefix: 'system/0001/' });
    expect(start(withChoice(shipped, { next: 2, good: 1, trial: 2 }))?.prefix).toBe('system/0002/');
    expect(start(withChoice(shipped, { next: 3, good: 1, trial: 3 }))).toBeUndefined();
  });

  it('lie at the top of a medium without slots', () => {
    const files = ['start4.elf', 'kernel8.img', 'initramfs8', 'config.txt', 'cmdline.txt'];
    expect(findBoardStart(files, 'arm_64bit=1\n')).toEqual({ board: 'rpi4', prefix: '' });
  });
});

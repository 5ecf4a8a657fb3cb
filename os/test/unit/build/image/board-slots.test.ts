import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import {
  parseChoice,
  prefixesOf,
  systemPrefix,
  withChoice,
} from '../../../../src/build/image/board-slots.ts';
import {
  findBoard,
  findBoardStart,
  isBoardLine,
  PI_FILES,
} from '../../../../src/build/image/boot-file.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const Choice = v.object({ next: v.number(), good: v.number(), trial: v.number() });
const vectors = v.parse(
  v.object({
    config: v.string(),
    files: v.object({
      generation: v.number(),
      prefix: v.string(),
      kernel: v.string(),
      initramfs: v.string(),
      commandLine: v.string(),
    }),
    choices: v.array(v.object({ text: v.string(), choice: v.nullable(Choice) })),
    far: v.object({ before: v.number(), text: v.string() }),
    changes: v.array(v.object({ from: v.string(), choice: Choice, to: v.string() })),
  }),
  JSON.parse(
    readFileSync(path.join(repository, 'packages/host-api/vectors/board-slots.json'), 'utf8'),
  ),
);
const shipped = readFileSync(path.join(repository, 'os/boards/rpi4/config.txt'), 'latin1');

const system = (number: number): string[] =>
  ['kernel8.img', 'initramfs8', 'cmdline.txt'].map((name) => systemPrefix(number) + name);

describe('config.txt, by the vectors of all programs that read it', () => {
  it.each(vectors.choices)('$text', ({ text, choice }) =>
    expect(parseChoice(text)).toEqual(choice ?? undefined),
  );

  it('does not count beyond its first sector, which alone is written', () => {
    const { before, text } = vectors.far;
    expect(parseChoice(`${'#'.repeat(before - 1)}\n${text}`)).toBeUndefined();
  });

  it.each(vectors.changes)('is changed in place', ({ from, choice, to }) => {
    expect(withChoice(from, choice)).toBe(to);
    expect(parseChoice(to)).toEqual(choice);
  });

  it('of a fresh medium starts its only system, which is good', () =>
    expect(parseChoice(shipped)).toEqual({ next: 1, good: 1, trial: 0 }));
});

describe('the files of a system', () => {
  const { generation, prefix, kernel, initramfs, commandLine } = vectors.files;

  it('have the names that all programs know', () => {
    expect(systemPrefix(generation)).toBe(prefix);
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

import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import {
  checkOptions,
  formatOptions,
  parseOptions,
} from '../../../../src/build/kernel/fragments.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const options = (text: string): ReadonlyMap<string, string> =>
  parseOptions(new Map([['a.config', text]]));

it('reads set options, unset options and comments', () => {
  const text =
    '# Why.\n## Part\n#\n\nCONFIG_SMP=y\nCONFIG_LSM="yama,bpf"\n# CONFIG_VT is not set\n';
  expect([...options(text)]).toEqual([
    ['SMP', 'y'],
    ['LSM', '"yama,bpf"'],
    ['VT', 'n'],
  ]);
});

it.each(['CONFIG_SMP', 'SMP=y', '# CONFIG_SMP=y', '# CONFIG_SMP is unset', 'CONFIG_SMP = y'])(
  'rejects the line %s, which kconfig would ignore',
  (line) => {
    expect(() => options(line)).toThrow(`read a.config: ${line}`);
  },
);

const merged = (a: string, b: string) =>
  parseOptions(
    new Map([
      ['a.config', a],
      ['b.config', b],
    ]),
  );

it('lets fragments repeat but not contradict each other', () => {
  expect(merged('CONFIG_SMP=y\n', 'CONFIG_SMP=y\n')).toEqual(new Map([['SMP', 'y']]));
  expect(() => merged('CONFIG_SMP=y\n', '# CONFIG_SMP is not set\n')).toThrow(
    'merge SMP: y in a.config, n in b.config',
  );
});

it('formats options as it read them', () => {
  const text = 'CONFIG_SMP=y\n# CONFIG_VT is not set\n';
  expect(formatOptions(options(text))).toBe(text);
});

describe('the finished configuration', () => {
  const wanted = options('CONFIG_SMP=y\nCONFIG_XFS_FS=m\n# CONFIG_VT is not set\n');

  it('may have options that were not named, and lack those that must be off', () => {
    const got = options('CONFIG_SMP=y\nCONFIG_XFS_FS=m\nCONFIG_PCI=y\n');
    expect(() => checkOptions(wanted, got)).not.toThrow();
  });

  it('names each option that differs, with the wanted and the actual value', () => {
    expect(() => checkOptions(wanted, options('CONFIG_XFS_FS=y\nCONFIG_VT=y\n'))).toThrow(
      'SMP: wanted y, got n; XFS_FS: wanted m, got y; VT: wanted n, got y',
    );
  });
});

const FOLDER = path.join(repository, 'os/kernel');
const files = (await readdir(FOLDER)).filter((file) => file.endsWith('.config'));

it.each(files)('%s begins with its purpose and gives a reason for each part', async (file) => {
  const text = await readFile(path.join(FOLDER, file), 'utf8');
  expect(text).toMatch(/^# \w/);
  const paragraphs = text.split(/\n(?=## |\n# (?!CONFIG_))/);
  expect(paragraphs.filter((part) => !/^\s*#+ (?!CONFIG_)/.test(part))).toEqual([]);
});

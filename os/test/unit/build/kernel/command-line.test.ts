import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, it } from 'vitest';

import { ADDED, boardCommandLine, commandLine } from '../../../../src/build/kernel/command-line.ts';
import { repository } from '../../../../src/workstation/paths.ts';

/** COMMAND_LINE_SIZE of arm64, with the zero at its end. */
const ARM64_LIMIT = 2048;

const others = (line: string): string[] =>
  line.split(' ').filter((word) => !word.startsWith('console='));

it('differs on a board by its consoles and the place for words of people only', () => {
  expect(others(boardCommandLine('rpi4'))).toEqual([...others(commandLine('arm64')), ADDED]);
  expect(boardCommandLine('rpi4')).toContain('console=tty0 console=ttyS1,115200 ');
});

it('ends a kernel that is damaged, before and after init sets the same', async () => {
  const settings = path.join(repository, 'init/internal/sysctl/settings.conf');
  const lines = (await readFile(settings, 'utf8')).split('\n');
  expect(lines).toEqual(expect.arrayContaining(['kernel.panic_on_oops = 1', 'kernel.panic = 10']));
  for (const line of [commandLine('amd64'), commandLine('arm64'), boardCommandLine('rpi4')])
    expect(line.split(' ')).toEqual(expect.arrayContaining(['oops=panic', 'panic=10']));
});

it('leaves room for the words of the loader and of a person', () => {
  expect(boardCommandLine('rpi4').length).toBeLessThan(ARM64_LIMIT / 2);
});

it.each([
  ['CONFIG_BONDING', 'bonding.max_bonds=0'],
  ['CONFIG_DUMMY', 'dummy.numdummies=0'],
  ['CONFIG_IFB', 'ifb.numifbs=0'],
])(
  'keeps the driver of %s, which is in the kernel, from making links by itself',
  async (option, word) => {
    const config = await readFile(path.join(repository, 'os/kernel/base.config'), 'utf8');
    expect(config.split('\n')).toContain(`${option}=y`);
    for (const line of [commandLine('amd64'), commandLine('arm64'), boardCommandLine('rpi4')])
      expect(line.split(' ')).toContain(word);
  },
);

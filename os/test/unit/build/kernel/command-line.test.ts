import { expect, it } from 'vitest';

import { boardCommandLine, commandLine } from '../../../../src/build/kernel/command-line.ts';

/** COMMAND_LINE_SIZE of arm64, with the zero at its end. */
const ARM64_LIMIT = 2048;

const others = (line: string): string[] =>
  line.split(' ').filter((word) => !word.startsWith('console='));

it('differs on a board by its consoles only', () => {
  expect(others(boardCommandLine('rpi4'))).toEqual(others(commandLine('arm64')));
  expect(boardCommandLine('rpi4')).toContain('console=tty0 console=ttyS1,115200 ');
});

it('leaves room for the words of the loader and of a person', () => {
  expect(boardCommandLine('rpi4').length).toBeLessThan(ARM64_LIMIT / 2);
});

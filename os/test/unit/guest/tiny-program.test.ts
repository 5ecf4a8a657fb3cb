import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { CRASH, create, elf32, elf64, EXIT, runFrom } from '../../../guest/src/tiny-program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'kios-tiny-'));
afterAll(() => rmSync(folder, { recursive: true }));

const machineOf = (program: Uint8Array): string => {
  const file = path.join(folder, 'program');
  writeFileSync(file, program);
  const text = execFileSync('readelf', ['-hl', file], { encoding: 'utf8' });
  return `${/Type: +(\w+)/.exec(text)?.[1]} ${/Machine: +(.*)/.exec(text)?.[1]}`;
};

describe.skipIf(process.arch !== 'x64')('a program of a few bytes', () => {
  it('runs and exits with 0', () => {
    expect(runFrom(folder, elf64(EXIT))).toBe('ok');
  });

  it('makes the file it is given', () => {
    const file = path.join(folder, 'made');
    expect(runFrom(folder, elf64(create(file)))).toBe('ok');
    expect(existsSync(file)).toBe(true);
  });

  it('that crashes gives its signal, and a file that is no program does not give ok', () => {
    expect(runFrom(folder, elf64(CRASH))).toBe('SIGILL');
    expect(runFrom(folder, Buffer.from('no program'))).not.toBe('ok'); // The C library may try the shell.
  });

  it('is an executable of its processor to binutils', () => {
    expect(machineOf(elf64(EXIT))).toBe('EXEC Advanced Micro Devices X86-64');
    expect(machineOf(elf32(EXIT))).toBe('EXEC Intel 80386');
  });
});

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import {
  CRASH,
  create,
  elf32,
  elf64,
  EXIT,
  FORK_ALWAYS,
  runFrom,
  WATCH_ALWAYS,
  WATCHED,
} from '../../../guest/src/tiny-program.ts';

/** System calls of x86-64 by number. */
const NUMBERS = { fork: 57, pause: 34, setrlimit: 160, inotify_init1: 294, inotify_add_watch: 254 };

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

  it.each([
    ['forks', FORK_ALWAYS, ['fork', 'pause']],
    ['watches', WATCH_ALWAYS, ['setrlimit', 'inotify_init1', 'inotify_add_watch', 'pause']],
  ] as const)(
    'that %s makes only these system calls, and jumps only to its own instructions',
    (_, code, calls) => {
      const file = path.join(folder, 'code');
      writeFileSync(file, Uint8Array.from(code));
      const listing = execFileSync('objdump', ['-D', '-bbinary', '-mi386:x86-64', file], { encoding: 'utf8' }); // prettier-ignore
      const lines = [...listing.matchAll(/^ +([0-9a-f]+):\t[^\t]+\t(\w+) *(.*)$/gm)];
      const starts = new Set(lines.map(([, at]) => at));
      const targets = lines.filter(([, , name = '']) => name.startsWith('j')).map(([, , , to = '']) => to.replace('0x', '')); // prettier-ignore
      expect(targets.filter((to) => !starts.has(to))).toEqual([]);
      const numbers = lines.flatMap(([, , name, operands = '']) =>
        name === 'mov' && operands.endsWith(',%eax') ? [Number(operands.slice(1, -5))] : [],
      );
      expect(numbers).toEqual(calls.map((call) => NUMBERS[call]));
    },
  );

  it('watches 1024 files with different names', () => {
    expect(new Set(WATCHED.filter((name) => /^[0-?][@-\u007f]$/.test(name))).size).toBe(1024);
  });
});

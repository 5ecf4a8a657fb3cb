import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const BASE = 0x400000;
const EM = { i386: 3, x86_64: 62 } as const;
const READ_EXECUTE = 5;

/** Machine code that ends the process with status 0. */
export const EXIT = [0x31, 0xff, 0xb8, 0xe7, 0, 0, 0, 0x0f, 0x05] as const;
/** Machine code that ends the process through the 32-bit system call gate. */
export const EXIT_INT80 = [0x31, 0xdb, 0xb8, 1, 0, 0, 0, 0xcd, 0x80] as const;
/** An undefined instruction (ud2). */
export const CRASH = [0x0f, 0x0b] as const;

/** Machine code of a program whose processes all call fork(2) until that fails, and then stay. */
export const FORK_ALWAYS = [
  0xb8, 57, 0, 0, 0, 0x0f, 0x05, // fork
  0x85, 0xc0, 0x79, 0xf5, // again if it succeeded, in parent and child
  0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7, // pause for ever
] as const; // prettier-ignore

/** Returns the characters from the first to before the last. */
const characters = (first: string, last: string): string[] =>
  Array.from({ length: last.charCodeAt(0) - first.charCodeAt(0) }, (_, index) =>
    String.fromCharCode(first.charCodeAt(0) + index),
  );

/** Names of the files that `WATCH_ALWAYS` watches in its working directory. */
export const WATCHED: readonly string[] = characters('0', '@').flatMap((one) =>
  characters('@', '\u0080').map((two) => one + two),
);

/**
 * Machine code that makes inotify instances until that fails, at the latest with 65536, and then stays. The first 512
 * watch every file, as long as there are watches: the kernel takes long to add one to a file that has many. Both
 * numbers are above the limits of a user in a kernel whose settings nobody changed.
 */
export const WATCH_ALWAYS = [
  0x68, 0, 0, 1, 0, 0x68, 0, 0, 1, 0, // push 65536, the limit of open files, twice: now, and at most
  0xbf, 7, 0, 0, 0, 0x48, 0x89, 0xe6, 0xb8, 160, 0, 0, 0, 0x0f, 0x05, // setrlimit
  0x6a, 0, 0xbd, 0, 2, 0, 0, // room for a name, and the number of instances that watch
  0xb8, 0x26, 1, 0, 0, 0x31, 0xff, 0x0f, 0x05, 0x85, 0xc0, 0x78, 0x3c, 0x89, 0xc3, // inotify_init1, or to the end
  0xff, 0xcd, 0x78, 0xed, // next instance if this one does not watch
  0x66, 0xc7, 0x04, 0x24, 0x30, 0x40, // the first name
  0x89, 0xdf, 0x48, 0x89, 0xe6, 0xba, 0xff, 0x0f, 0, 0, 0xb8, 0xfe, 0, 0, 0, 0x0f, 0x05, // inotify_add_watch
  0x85, 0xc0, 0x78, 0xd2, // next instance if it failed
  0xfe, 0x44, 0x24, 1, 0x80, 0x7c, 0x24, 1, 0x80, 0x75, 0xe0, // next second letter
  0xc6, 0x44, 0x24, 1, 0x40, 0xfe, 0x04, 0x24, 0x80, 0x3c, 0x24, 0x40, 0x75, 0xd2, // next first letter
  0xeb, 0xb7, // next instance
  0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7, // pause for ever
] as const; // prettier-ignore

/** Returns machine code that makes an empty file and exits. */
export function create(file: string): number[] {
  const rest = [0xbe, 0x80, 1, 0, 0, 0xb8, 0x55, 0, 0, 0, 0x0f, 0x05, ...EXIT];
  // lea rdi, [rip + rest.length]: the name stands behind the code.
  return [0x48, 0x8d, 0x3d, rest.length, 0, 0, 0, ...rest, ...Buffer.from(`${file}\0`)];
}

/** Returns an x86-64 executable of one segment. */
export function elf64(code: readonly number[]): Buffer {
  const size = 64 + 56;
  const file = Buffer.alloc(size + code.length);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]).copy(file);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(EM.x86_64, 18);
  file.writeUInt32LE(1, 20);
  file.writeBigUInt64LE(BigInt(BASE + size), 24);
  file.writeBigUInt64LE(64n, 32);
  for (const [at, value] of [[52, 64], [54, 56], [56, 1]] as const) file.writeUInt16LE(value, at); // prettier-ignore
  file.writeUInt32LE(1, 64);
  file.writeUInt32LE(READ_EXECUTE, 68);
  for (const at of [80, 88]) file.writeBigUInt64LE(BigInt(BASE), at);
  for (const at of [96, 104]) file.writeBigUInt64LE(BigInt(file.length), at);
  file.writeBigUInt64LE(0x1000n, 112);
  file.set(code, size);
  return file;
}

/** Returns an i386 executable of one segment. */
export function elf32(code: readonly number[]): Buffer {
  const size = 52 + 32;
  const file = Buffer.alloc(size + code.length);
  Buffer.from([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]).copy(file);
  file.writeUInt16LE(2, 16);
  file.writeUInt16LE(EM.i386, 18);
  file.writeUInt32LE(1, 20);
  file.writeUInt32LE(BASE + size, 24);
  file.writeUInt32LE(52, 28);
  for (const [at, value] of [[40, 52], [42, 32], [44, 1]] as const) file.writeUInt16LE(value, at); // prettier-ignore
  file.writeUInt32LE(1, 52);
  for (const at of [60, 64]) file.writeUInt32LE(BASE, at);
  for (const at of [68, 72]) file.writeUInt32LE(file.length, at);
  file.writeUInt32LE(READ_EXECUTE, 76);
  file.writeUInt32LE(0x1000, 80);
  file.set(code, size);
  return file;
}

/** Writes a program into a folder, runs it, and returns the error's name, the signal that ended it, or `ok`. */
export function runFrom(folder: string, program: Uint8Array): string {
  const own = mkdtempSync(path.join(folder, 'kios-probe-'));
  try {
    const file = path.join(own, 'program');
    writeFileSync(file, program, { mode: 0o755 });
    const { error, signal, status } = spawnSync(file);
    if (error !== undefined && 'code' in error) return String(error.code);
    return signal ?? (status === 0 ? 'ok' : `status ${status}`);
  } finally {
    rmSync(own, { recursive: true });
  }
}

import { readFileSync } from 'node:fs';

const KIND_SHIFT = 24;
const TYPE_SIZE = 12;
/** Bytes of each member that follows a type, by kind. */
const MEMBER: Readonly<Record<number, number>> = { 4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12 };
/** Bytes of the fixed part that follows a type, by kind. */
const TAIL: Readonly<Record<number, number>> = { 1: 4, 3: 12, 14: 4, 17: 4 };

export const BTF_KIND = { typedef: 8, function: 12 } as const;

/** Returns the identifier of a named type in the running kernel's type information (BTF). */
export function kernelType(kind: number, name: string): number {
  const bytes = readFileSync('/sys/kernel/btf/vmlinux');
  const start = bytes.readUInt32LE(4);
  const end = start + bytes.readUInt32LE(8) + bytes.readUInt32LE(12);
  const strings = start + bytes.readUInt32LE(16);
  const wanted = bytes.indexOf(`\0${name}\0`, strings) + 1 - strings;
  let id = 1;
  for (let at = start + bytes.readUInt32LE(8); at < end; id += 1) {
    const info = bytes.readUInt32LE(at + 4);
    const found = (info >>> KIND_SHIFT) & 0x1f;
    if (found === kind && bytes.readUInt32LE(at) === wanted) return id;
    at += TYPE_SIZE + (TAIL[found] ?? 0) + (MEMBER[found] ?? 0) * (info & 0xffff);
  }
  throw Object.assign(new Error(`find ${name} among the kernel’s types`), { code: 'ENOENT' });
}

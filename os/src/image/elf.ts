import { readFile } from 'node:fs/promises';

const DYNAMIC_SEGMENT = 2;
const LOAD_SEGMENT = 1;
const TAG = { needed: 1n, stringTable: 5n } as const;

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function segments(elf: Buffer): Segment[] {
  const start = Number(elf.readBigUInt64LE(32));
  const size = elf.readUInt16LE(54);
  return Array.from({ length: elf.readUInt16LE(56) }, (_, index) => {
    const at = start + index * size;
    return {
      type: elf.readUInt32LE(at),
      offset: Number(elf.readBigUInt64LE(at + 8)),
      address: Number(elf.readBigUInt64LE(at + 16)),
      size: Number(elf.readBigUInt64LE(at + 32)),
    };
  });
}

/** Names in DT_NEEDED of a 64-bit little-endian ELF file (System V ABI, chapter 5); none for a static one. */
export function neededLibraries(elf: Buffer): string[] {
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2 || elf[5] !== 1)
    return [];
  const all = segments(elf);
  const dynamic = all.find((segment) => segment.type === DYNAMIC_SEGMENT);
  if (dynamic === undefined) return [];
  const tags = Array.from({ length: Math.floor(dynamic.size / 16) }, (_, index) => {
    const at = dynamic.offset + index * 16;
    return [elf.readBigUInt64LE(at), Number(elf.readBigUInt64LE(at + 8))] as const;
  });
  const table = tags.find(([tag]) => tag === TAG.stringTable)?.[1] ?? 0;
  const home = all.find(
    ({ type, address, size }) =>
      type === LOAD_SEGMENT && table >= address && table < address + size,
  );
  const strings = table - (home?.address ?? 0) + (home?.offset ?? 0);
  return tags
    .filter(([tag]) => tag === TAG.needed)
    .map(([, offset]) =>
      elf.toString('latin1', strings + offset, elf.indexOf(0, strings + offset)),
    );
}

/** Every shared library that `files` need, directly or through one another, as `locate` finds it by name. */
export async function libraryClosure(
  files: readonly string[],
  locate: (name: string) => string,
): Promise<string[]> {
  const found = new Set<string>();
  const queue = [...files];
  for (let file = queue.pop(); file !== undefined; file = queue.pop())
    for (const name of neededLibraries(await readFile(file)))
      if (!found.has(name)) {
        found.add(name);
        queue.push(locate(name));
      }
  return [...found].toSorted();
}

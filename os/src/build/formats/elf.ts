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

const isElf64 = (bytes: Buffer): boolean =>
  bytes.length >= 64 && bytes.readUInt32BE(0) === 0x7f454c46 && bytes[4] === 2 && bytes[5] === 1;

/** Returns the entries of the dynamic section. */
const dynamicEntries = (elf: Buffer, { offset, size }: Segment): [tag: bigint, value: number][] =>
  Array.from({ length: Math.floor(size / 16) }, (_, index) => {
    const at = offset + index * 16;
    return [elf.readBigUInt64LE(at), Number(elf.readBigUInt64LE(at + 8))];
  });

/** Returns the position in the file of the byte that is loaded at `address`. */
function fileOffset(all: readonly Segment[], address: number): number {
  const home = all.find(
    (segment) =>
      segment.type === LOAD_SEGMENT &&
      address >= segment.address &&
      address < segment.address + segment.size,
  );
  return address - (home?.address ?? 0) + (home?.offset ?? 0);
}

const RELOCATABLE = 1;

/** Says whether a file begins like something that the kernel or a loader runs: an ELF file of any machine, or `#!`. */
export function isProgram(head: Buffer): boolean {
  if (head.toString('latin1', 0, 2) === '#!') return true;
  if (head.length < 18 || head.readUInt32BE(0) !== 0x7f454c46) return false;
  const type = head[5] === 2 ? head.readUInt16BE(16) : head.readUInt16LE(16);
  // A kernel module is no program.
  return type !== RELOCATABLE;
}

/**
 * Returns the names in DT_NEEDED of a 64-bit little-endian ELF file (System V ABI, chapter 5); none for a static
 * program.
 */
export function neededLibraries(elf: Buffer): string[] {
  const all = isElf64(elf) ? segments(elf) : [];
  const dynamic = all.find((segment) => segment.type === DYNAMIC_SEGMENT);
  if (dynamic === undefined) return [];
  const entries = dynamicEntries(elf, dynamic);
  const table = entries.find(([tag]) => tag === TAG.stringTable)?.[1] ?? 0;
  const strings = fileOffset(all, table);
  return entries
    .filter(([tag]) => tag === TAG.needed)
    .map(([, name]) => elf.toString('latin1', strings + name, elf.indexOf(0, strings + name)));
}

/** Returns the section of this name of a 64-bit little-endian ELF file, or nothing if there is none. */
export function elfSection(elf: Buffer, name: string): Buffer | undefined {
  if (!isElf64(elf)) return undefined;
  const table = Number(elf.readBigUInt64LE(40));
  const size = elf.readUInt16LE(58);
  const header = (index: number): Buffer => elf.subarray(table + index * size);
  const content = (of: Buffer): Buffer => {
    const start = Number(of.readBigUInt64LE(24));
    return elf.subarray(start, start + Number(of.readBigUInt64LE(32)));
  };
  const names = content(header(elf.readUInt16LE(62)));
  for (let index = 0; index < elf.readUInt16LE(60); index += 1) {
    const start = header(index).readUInt32LE(0);
    if (names.toString('latin1', start, names.indexOf(0, start)) === name)
      return content(header(index));
  }
  return undefined;
}

/**
 * Makes a 64-bit ELF file that needs `names`. Its strings are loaded at another address than their position in the
 * file.
 */
export function makeElf(names: readonly string[]): Buffer {
  const [stringsAt, dynamicAt, address] = [256, 512, 0x40_0000];
  const elf = Buffer.alloc(1024);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  elf.writeBigUInt64LE(64n, 32);
  elf.writeUInt16LE(56, 54);
  elf.writeUInt16LE(2, 56);
  const segment = (at: number, type: number, offset: number, size: number): void => {
    elf.writeUInt32LE(type, at);
    elf.writeBigUInt64LE(BigInt(offset), at + 8);
    elf.writeBigUInt64LE(BigInt(address + offset), at + 16);
    elf.writeBigUInt64LE(BigInt(size), at + 32);
  };
  segment(64, 1, stringsAt, 256);
  segment(120, 2, dynamicAt, (names.length + 2) * 16);
  let offset = 1;
  const entries: [number, number][] = [[5, address + stringsAt]];
  for (const name of names) {
    elf.write(name, stringsAt + offset, 'latin1');
    entries.push([1, offset]);
    offset += name.length + 1;
  }
  for (const [index, [tag, value]] of entries.entries()) {
    elf.writeBigUInt64LE(BigInt(tag), dynamicAt + index * 16);
    elf.writeBigUInt64LE(BigInt(value), dynamicAt + index * 16 + 8);
  }
  return elf;
}

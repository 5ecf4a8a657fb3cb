/** The parts of a `.ko` that depmod reads: modinfo, exported symbols, needed symbols. */
export interface ModuleSource {
  readonly modinfo?: readonly string[];
  readonly exports?: readonly string[];
  readonly needs?: readonly string[];
}

const SHT = { null: 0, progbits: 1, symtab: 2, strtab: 3 } as const;
const HEADER = 64;
const SECTION = 64;
const SYMBOL = 24;

interface Section {
  readonly name: string;
  readonly type: number;
  readonly data: Buffer;
  readonly link?: number;
  readonly entrySize?: number;
}

const strings = (items: readonly string[]): Buffer =>
  Buffer.from(items.map((s) => `${s}\0`).join(''));

function symbolTable(needs: readonly string[], names: Buffer): Buffer {
  const symbol = (name: string): Buffer => {
    const bytes = Buffer.alloc(SYMBOL);
    bytes.writeUInt32LE(name === '' ? 0 : names.indexOf(`\0${name}\0`) + 1, 0);
    bytes[4] = name === '' ? 0 : 0x10; // global, undefined
    return bytes;
  };
  return Buffer.concat(['', ...needs].map(symbol));
}

function sectionHeader(section: Section, nameAt: number, offset: number): Buffer {
  const bytes = Buffer.alloc(SECTION);
  bytes.writeUInt32LE(nameAt, 0);
  bytes.writeUInt32LE(section.type, 4);
  bytes.writeBigUInt64LE(BigInt(offset), 24);
  bytes.writeBigUInt64LE(BigInt(section.data.length), 32);
  bytes.writeUInt32LE(section.link ?? 0, 40);
  bytes.writeUInt32LE(section.type === SHT.symtab ? 1 : 0, 44);
  bytes.writeBigUInt64LE(1n, 48);
  bytes.writeBigUInt64LE(BigInt(section.entrySize ?? 0), 56);
  return bytes;
}

/** Returns a relocatable x86-64 ELF file. */
export function moduleFile(source: ModuleSource): Buffer {
  const symbolNames = strings(['', ...(source.needs ?? [])]);
  const sections: Section[] = [
    { name: '', type: SHT.null, data: Buffer.alloc(0) },
    { name: '.modinfo', type: SHT.progbits, data: strings(source.modinfo ?? ['license=GPL']) },
    { name: '__ksymtab_strings', type: SHT.progbits, data: strings(source.exports ?? []) },
    {
      name: '.symtab',
      type: SHT.symtab,
      data: symbolTable(source.needs ?? [], symbolNames),
      link: 4,
      entrySize: SYMBOL,
    },
    { name: '.strtab', type: SHT.strtab, data: symbolNames },
  ];
  const names = strings([...sections.map(({ name }) => name), '.shstrtab']);
  sections.push({ name: '.shstrtab', type: SHT.strtab, data: names });
  const header = Buffer.alloc(HEADER);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  header.writeUInt16LE(1, 16);
  header.writeUInt16LE(62, 18);
  header.writeUInt32LE(1, 20);
  const bodies = sections.map(({ data }) => data);
  header.writeBigUInt64LE(BigInt(HEADER + Buffer.concat(bodies).length), 40);
  header.writeUInt16LE(HEADER, 52);
  header.writeUInt16LE(SECTION, 58);
  header.writeUInt16LE(sections.length, 60);
  header.writeUInt16LE(sections.length - 1, 62);
  let offset = HEADER;
  const headers = sections.map((section) => {
    const at = offset;
    offset += section.data.length;
    return sectionHeader(
      section,
      section.name === '' ? 0 : names.indexOf(`\0${section.name}\0`) + 1,
      at,
    );
  });
  return Buffer.concat([header, ...bodies, ...headers]);
}

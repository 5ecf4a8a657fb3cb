/** A section of an EFI file, and how many bytes of the file it takes. */
export interface SmallSection {
  readonly name: string;
  readonly bytes: number;
}

export interface SmallEfi {
  readonly machine?: number;
  readonly sections?: readonly SmallSection[];
  /** Bytes of signatures behind the sections. */
  readonly signed?: number;
  readonly sizeOfImage?: number;
}

const HEADERS = 1024;
const OPTIONAL = 240;
export const SECTIONS: readonly SmallSection[] = [
  '.text',
  '.cmdline',
  '.uname',
  '.initrd',
  '.linux',
].map((name) => ({ name, bytes: 512 }));

/** Makes a PE32+ file as the build's `formats/uki.ts` lays it out, with small sections. */
export function smallEfi({
  machine = 0x8664,
  sections = SECTIONS,
  signed = 0,
  sizeOfImage,
}: SmallEfi = {}): Buffer {
  const total = HEADERS + sections.reduce((sum, { bytes }) => sum + bytes, 0);
  const file = Buffer.alloc(total + signed, 0x5a);
  file.fill(0, 0, HEADERS);
  file.write('MZ', 0, 'latin1');
  file.writeUInt32LE(64, 60);
  file.write('PE\0\0', 64, 'latin1');
  file.writeUInt16LE(machine, 68);
  file.writeUInt16LE(sections.length, 70);
  file.writeUInt16LE(OPTIONAL, 84);
  const optional = 88;
  file.writeUInt16LE(0x20b, optional);
  file.writeUInt32LE(sizeOfImage ?? 0x1000 * (sections.length + 1), optional + 56);
  file.writeUInt32LE(HEADERS, optional + 60);
  file.writeUInt32LE(16, optional + 108);
  if (signed > 0) {
    file.writeUInt32LE(total, optional + 112 + 32);
    file.writeUInt32LE(signed, optional + 112 + 36);
  }
  let at = HEADERS;
  for (const [index, { name, bytes }] of sections.entries()) {
    const header = optional + OPTIONAL + index * 40;
    file.write(name, header, 8, 'latin1');
    file.writeUInt32LE(bytes, header + 8);
    file.writeUInt32LE(0x1000 * (index + 1), header + 12);
    file.writeUInt32LE(bytes, header + 16);
    file.writeUInt32LE(at, header + 20);
    at += bytes;
  }
  return file;
}

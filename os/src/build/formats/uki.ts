import { EXIT, KiosError } from '@kios/errors';

/**
 * Unified kernel image: systemd's EFI stub with kernel, initrd and command line as additional PE sections (UAPI group
 * specification 5). PE layout: Microsoft PE/COFF specification.
 */
export interface UkiSection {
  /** At most 8 bytes, such as `.linux`. */
  readonly name: string;
  readonly content: Uint8Array;
}

const SECTION_HEADER = 40;
const INITIALIZED_DATA_READ = 0x4000_0040;

const alignUp = (value: number, to: number): number => Math.ceil(value / to) * to;

interface Pe {
  readonly coff: number;
  readonly optional: number;
  readonly table: number;
  readonly sections: number;
  readonly sectionAlignment: number;
  readonly fileAlignment: number;
  readonly headersEnd: number;
}

const unreadable = (why: string): KiosError =>
  new KiosError('KIOS_UKI', `read the EFI file: ${why}`, { exitCode: EXIT.data });

function parsePe(stub: Buffer): Pe {
  const signature = stub.length > 64 ? stub.readUInt32LE(60) : 0;
  if (signature === 0 || stub.toString('latin1', signature, signature + 4) !== 'PE\0\0')
    throw unreadable('it is not a PE file');
  const coff = signature + 4;
  const optional = coff + 20;
  if (optional + 64 > stub.length) throw unreadable('it is cut short');
  return {
    coff,
    optional,
    table: optional + stub.readUInt16LE(coff + 16),
    sections: stub.readUInt16LE(coff + 2),
    sectionAlignment: stub.readUInt32LE(optional + 32),
    fileAlignment: stub.readUInt32LE(optional + 36),
    headersEnd: stub.readUInt32LE(optional + 60),
  };
}

/** Returns the first free virtual address after the existing sections. */
function endOfSections(stub: Buffer, pe: Pe): number {
  let end = 0;
  for (let index = 0; index < pe.sections; index += 1) {
    const at = pe.table + index * SECTION_HEADER;
    end = Math.max(end, stub.readUInt32LE(at + 12) + stub.readUInt32LE(at + 8));
  }
  return alignUp(end, pe.sectionAlignment);
}

function sectionHeader(
  name: string,
  size: number,
  raw: number,
  address: number,
  offset: number,
): Buffer {
  const header = Buffer.alloc(SECTION_HEADER);
  header.write(name, 0, 8, 'latin1');
  header.writeUInt32LE(size, 8);
  header.writeUInt32LE(address, 12);
  header.writeUInt32LE(raw, 16);
  header.writeUInt32LE(offset, 20);
  header.writeUInt32LE(INITIALIZED_DATA_READ, 36);
  return header;
}

/** Returns the sections of a PE file. Each content is the part of the file that is loaded, without padding. */
export function readSections(file: Buffer): UkiSection[] {
  const pe = parsePe(file);
  if (pe.table + pe.sections * SECTION_HEADER > file.length) throw unreadable('it is cut short');
  return Array.from({ length: pe.sections }, (_, index) => {
    const header = file.subarray(pe.table + index * SECTION_HEADER).subarray(0, SECTION_HEADER);
    const offset = header.readUInt32LE(20);
    const size = Math.min(header.readUInt32LE(8), header.readUInt32LE(16));
    if (offset + size > file.length) throw unreadable('it is cut short');
    const name = header.toString('latin1', 0, 8).replace(/\0.*$/s, '');
    return { name, content: file.subarray(offset, offset + size) };
  });
}

/** Appends sections to an EFI stub. */
export function makeUki(stub: Buffer, sections: readonly UkiSection[]): Buffer {
  const pe = parsePe(stub);
  const head = Buffer.from(stub);
  if (pe.table + (pe.sections + sections.length) * SECTION_HEADER > pe.headersEnd)
    throw new KiosError(
      'KIOS_UKI',
      `add ${sections.length} sections to the EFI stub: its header has no room`,
    );
  const parts: Buffer[] = [
    head,
    Buffer.alloc(alignUp(head.length, pe.fileAlignment) - head.length),
  ];
  let offset = alignUp(head.length, pe.fileAlignment);
  let address = endOfSections(head, pe);
  for (const [index, { name, content }] of sections.entries()) {
    const raw = alignUp(content.length, pe.fileAlignment);
    const at = pe.table + (pe.sections + index) * SECTION_HEADER;
    sectionHeader(name, content.length, raw, address, offset).copy(head, at);
    parts.push(
      Buffer.from(content.buffer, content.byteOffset, content.length),
      Buffer.alloc(raw - content.length),
    );
    offset += raw;
    address = alignUp(address + content.length, pe.sectionAlignment);
  }
  head.writeUInt16LE(pe.sections + sections.length, pe.coff + 2);
  head.writeUInt32LE(address, pe.optional + 56);
  // The stub's checksum is no longer right. Zero means that there is none, which firmware accepts for applications.
  head.writeUInt32LE(0, pe.optional + 64);
  return Buffer.concat(parts);
}

import * as fc from 'fast-check';

/** IMAGE_FILE_MACHINE_… of the workstation, whose binutils read the file. */
const MACHINE = process.arch === 'arm64' ? 0xaa64 : 0x8664;
const SIGNATURE = 64;
const COFF = SIGNATURE + 4;
const OPTIONAL = COFF + 20;
const OPTIONAL_SIZE = 112 + 16 * 8;
const HEADERS = 1024;

/** Makes a minimal EFI application with one section of code. */
export function makeStub(sectionAlignment = 4096, fileAlignment = 512): Buffer {
  const stub = Buffer.alloc(HEADERS + 512);
  stub.write('MZ', 0, 'latin1');
  stub.writeUInt32LE(SIGNATURE, 60);
  stub.write('PE\0\0', SIGNATURE, 'latin1');
  stub.writeUInt16LE(MACHINE, COFF);
  stub.writeUInt16LE(1, COFF + 2);
  stub.writeUInt16LE(OPTIONAL_SIZE, COFF + 16);
  stub.writeUInt16LE(0x0022, COFF + 18);
  stub.writeUInt16LE(0x020b, OPTIONAL);
  stub.writeUInt32LE(sectionAlignment, OPTIONAL + 32);
  stub.writeUInt32LE(fileAlignment, OPTIONAL + 36);
  stub.writeUInt32LE(2 * sectionAlignment, OPTIONAL + 56);
  stub.writeUInt32LE(HEADERS, OPTIONAL + 60);
  stub.writeUInt16LE(10, OPTIONAL + 68);
  stub.writeUInt32LE(16, OPTIONAL + 108);
  const section = OPTIONAL + OPTIONAL_SIZE;
  stub.write('.text', section, 'latin1');
  stub.writeUInt32LE(512, section + 8);
  stub.writeUInt32LE(sectionAlignment, section + 12);
  stub.writeUInt32LE(512, section + 16);
  stub.writeUInt32LE(HEADERS, section + 20);
  stub.writeUInt32LE(0x6000_0020, section + 36);
  stub.fill(0xc3, HEADERS);
  return stub;
}

/** Stubs of every alignment that a linker may choose. */
export const anyStub = fc
  .record({
    sectionAlignment: fc.constantFrom(512, 4096, 65_536),
    fileAlignment: fc.constantFrom(32, 512, 1024),
  })
  .map((alignment) => ({
    ...alignment,
    stub: makeStub(alignment.sectionAlignment, alignment.fileAlignment),
  }));

/** Architectures as `build.json` names them, with their numbers in a PE file (Microsoft PE/COFF, "Machine Types"). */
const MACHINES = { amd64: 0x8664, arm64: 0xaa64 } as const;
export type Arch = keyof typeof MACHINES;

/** The beginning of the file that holds all headers. */
export const HEAD_BYTES = 64 * 1024;

/** Sections without which a system does not start (UAPI group specification 5). */
const NEEDED = ['.linux', '.initrd', '.cmdline'] as const;
const HEADER = 40;
const PE32_PLUS = 0x20b;
/** Entry of the data directory with signatures, which lie behind all sections. */
const CERTIFICATES = 4;

interface Section {
  readonly name: string;
  readonly start: number;
  readonly end: number;
  readonly memoryEnd: number;
}

interface Headers {
  readonly machine: number;
  readonly sizeOfImage: number;
  readonly sizeOfHeaders: number;
  readonly sections: readonly Section[];
  readonly checksumAt: number;
  /** Where the place of the signatures is, their start and their end; all 0 without any. */
  readonly directoryAt: number;
  readonly signedStart: number;
  readonly signedEnd: number;
}

function sectionsAt(view: DataView, table: number, count: number): readonly Section[] | undefined {
  if (table + count * HEADER > view.byteLength) return undefined;
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * HEADER;
    const u32 = (offset: number): number => view.getUint32(at + offset, true);
    const bytes = Array.from({ length: 8 }, (_, byte) => view.getUint8(at + byte));
    const name = String.fromCodePoint(...bytes).replace(/\0.*$/s, '');
    return { name, start: u32(20), end: u32(20) + u32(16), memoryEnd: u32(12) + u32(8) };
  });
}

function signaturesIn(
  view: DataView,
  optional: number,
  table: number,
): Pick<Headers, 'directoryAt' | 'signedStart' | 'signedEnd'> {
  const directoryAt = optional + 112 + CERTIFICATES * 8;
  const hasDirectory = view.getUint32(optional + 108, true) > CERTIFICATES;
  const size = hasDirectory && directoryAt + 8 <= table ? view.getUint32(directoryAt + 4, true) : 0;
  if (size === 0) return { directoryAt: 0, signedStart: 0, signedEnd: 0 };
  const signedStart = view.getUint32(directoryAt, true);
  return { directoryAt, signedStart, signedEnd: signedStart + size };
}

/** Returns the headers of a PE32+ file; undefined when it is none, or its headers are cut short. */
export function readHeaders(head: Uint8Array): Headers | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.byteLength < 64 || view.getUint16(0) !== 0x4d5a) return undefined;
  const signature = view.getUint32(60, true);
  const optional = signature + 24;
  if (optional + 112 > view.byteLength || view.getUint32(signature) !== 0x5045_0000)
    return undefined;
  if (view.getUint16(optional, true) !== PE32_PLUS) return undefined;
  const table = optional + view.getUint16(signature + 20, true);
  const sections = sectionsAt(view, table, view.getUint16(signature + 6, true));
  if (sections === undefined) return undefined;
  return {
    machine: view.getUint16(signature + 4, true),
    sizeOfImage: view.getUint32(optional + 56, true),
    sizeOfHeaders: view.getUint32(optional + 60, true),
    sections,
    checksumAt: optional + 64,
    ...signaturesIn(view, optional, table),
  };
}

/** Says why an EFI file is none of ours, by its headers and its length; undefined when it may be started. */
export function imageFault(head: Uint8Array, length: number, arch: Arch): string | undefined {
  const headers = readHeaders(head);
  if (headers === undefined) return 'it is no EFI program';
  const { machine, sections, sizeOfImage, signedEnd } = headers;
  if (machine !== MACHINES[arch]) return `it is for another machine than ${arch}`;
  const missing = NEEDED.find((name) => !sections.some((section) => section.name === name));
  if (missing !== undefined) return `it has no section ${missing}`;
  if (sections.some(({ memoryEnd }) => memoryEnd > sizeOfImage))
    return 'a section lies outside of its image';
  const end = Math.max(signedEnd, ...sections.map((section) => section.end));
  if (end === length) return undefined;
  return `it has ${length} bytes, and its sections end at ${end}`;
}

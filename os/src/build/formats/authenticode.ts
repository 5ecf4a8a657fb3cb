import { createHash } from 'node:crypto';

import { EXIT, KiosError } from '@kios/errors';

const PE32_PLUS = 0x20b;
const SECTION_HEADER = 40;
const CHECKSUM_BYTES = 4;
const DIRECTORY_BYTES = 8;
/** Offsets in the optional header: the checksum, the number of directories, and that of the signatures. */
const CHECKSUM = 64;
const DIRECTORIES = 108;
const SIGNATURES = 112 + 4 * DIRECTORY_BYTES;
/** Directories that must be there for one of signatures. */
const LEAST_DIRECTORIES = 5;

const unreadable = (): KiosError =>
  new KiosError('KIOS_UKI', 'read the EFI file: it is not a PE32+ file', { exitCode: EXIT.data });

/** The parts of a file that are hashed before its sections, and the bytes of its signatures. */
function readHead(file: Buffer, optional: number) {
  const hasSignatures = file.readUInt32LE(optional + DIRECTORIES) >= LEAST_DIRECTORIES;
  const headersEnd = file.readUInt32LE(optional + 60);
  const checksum = optional + CHECKSUM;
  const directory = optional + SIGNATURES;
  const upToDirectory = file.subarray(
    checksum + CHECKSUM_BYTES,
    hasSignatures ? directory : headersEnd,
  );
  const behind = file.subarray(directory + DIRECTORY_BYTES, headersEnd);
  return {
    headersEnd,
    parts: [file.subarray(0, checksum), upToDirectory, ...(hasSignatures ? [behind] : [])],
    signatureBytes: hasSignatures ? file.readUInt32LE(directory + 4) : 0,
  };
}

/**
 * Returns the SHA-256 by which firmware measures and verifies a program (Microsoft, "Windows Authenticode Portable
 * Executable Signature Format"): of all but its checksum and its signatures, the sections in the order in which they
 * lie in the file.
 */
export function programDigest(file: Buffer): Buffer {
  const signature = file.length > 64 ? file.readUInt32LE(60) : 0;
  const optional = signature + 24;
  const isPe = signature > 0 && optional + SIGNATURES + DIRECTORY_BYTES <= file.length;
  if (!isPe || file.readUInt16LE(optional) !== PE32_PLUS) throw unreadable();
  const table = optional + file.readUInt16LE(signature + 20);
  const count = file.readUInt16LE(signature + 6);
  if (table + count * SECTION_HEADER > file.length) throw unreadable();
  const { parts, headersEnd, signatureBytes } = readHead(file, optional);
  const sections = Array.from({ length: count }, (_, index) => {
    const at = table + index * SECTION_HEADER;
    return { size: file.readUInt32LE(at + 16), start: file.readUInt32LE(at + 20) };
  });
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  let hashed = headersEnd;
  for (const { start, size } of sections.toSorted((one, other) => one.start - other.start)) {
    hash.update(file.subarray(start, start + size));
    hashed += size;
  }
  return hash.update(file.subarray(hashed, file.length - signatureBytes)).digest();
}

import { chunksOf, type Entry, sizeOf, type Tree } from './tree.ts';

const TYPE = { directory: 0o040000, symlink: 0o120000, file: 0o100000 } as const;
const CHARACTER_DEVICE = 0o020000;

/** A device for every user. It is data like the rest, so that no build needs root to make one. */
export interface CharacterDevice {
  readonly name: string;
  readonly major: number;
  readonly minor: number;
}

const hex = (value: number): string => value.toString(16).padStart(8, '0');

const padding = (size: number): Buffer => Buffer.alloc((4 - (size % 4)) % 4);

/**
 * Encodes the header and the name of a record, padded to 4 bytes ("newc" of
 * Documentation/driver-api/early-userspace/buffer-format.rst).
 */
function head(
  inode: number,
  name: string,
  mode: number,
  size: number,
  [major, minor]: readonly [major: number, minor: number] = [0, 0],
): Buffer {
  const ended = `${name}\0`;
  const nameSize = Buffer.byteLength(ended);
  const fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, major, minor, nameSize, 0];
  const bytes = Buffer.from(`070701${fields.map(hex).join('')}${ended}`);
  return Buffer.concat([bytes, padding(bytes.length)]);
}

/** Returns the size of a record's content and the content in chunks. */
async function contentOf(entry: Entry): Promise<[size: number, chunks: AsyncIterable<Uint8Array>]> {
  if (entry.type === 'directory') return [0, chunksOf({ bytes: Buffer.alloc(0) }, 0)];
  const content = entry.type === 'symlink' ? { bytes: Buffer.from(entry.target) } : entry.content;
  const size = await sizeOf(content);
  return [size, chunksOf(content, size)];
}

/**
 * Writes a tree as an initramfs archive, and devices into its folders. Every time stamp is zero and every owner root,
 * so equal trees give equal bytes.
 */
export async function cpio(tree: Tree, devices: readonly CharacterDevice[] = []): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  let inode = 1;
  for (const [where, entry] of tree.sorted()) {
    const mode = TYPE[entry.type] | (entry.type === 'symlink' ? 0o777 : entry.mode);
    const [size, chunks] = await contentOf(entry);
    parts.push(head(inode++, where.slice(1), mode, size));
    for await (const chunk of chunks) parts.push(chunk);
    parts.push(padding(size));
  }
  for (const { name, major, minor } of devices)
    parts.push(head(inode++, name.slice(1), CHARACTER_DEVICE | 0o666, 0, [major, minor]));
  parts.push(head(0, 'TRAILER!!!', 0, 0));
  return Buffer.concat(parts);
}

/** One record of an archive; a folder and the last record have no content. */
export interface CpioRecord {
  readonly name: string;
  readonly mode: number;
  readonly content: Buffer;
}

const HEAD = 110;
const padded = (length: number): number => length + ((4 - (length % 4)) % 4);

/** Reads the records of an archive at the start of `bytes`. Throws when it is damaged or has no last record. */
export const readCpio = (bytes: Buffer): CpioRecord[] => readArchive(bytes).records;

/** Reads an archive like `readCpio`, and says where it ends. */
export function readArchive(bytes: Buffer): {
  readonly records: CpioRecord[];
  readonly end: number;
} {
  const records: CpioRecord[] = [];
  for (let at = 0; ;) {
    const head = bytes.toString('latin1', at, at + HEAD);
    if (!/^070701[0-9A-Fa-f]{104}$/.test(head))
      throw new Error(`no record of an initramfs at byte ${at}`);
    const field = (index: number): number =>
      Number.parseInt(head.slice(6 + index * 8, 14 + index * 8), 16);
    const [mode, size, nameSize] = [field(1), field(6), field(11)];
    const start = at + padded(HEAD + nameSize);
    if (start + size > bytes.length) throw new Error(`the record at byte ${at} is cut short`);
    const name = bytes.toString('utf8', at + HEAD, at + HEAD + nameSize - 1);
    if (name === 'TRAILER!!!') return { records, end: start };
    records.push({ name, mode, content: bytes.subarray(start, start + size) });
    at = start + padded(size);
  }
}

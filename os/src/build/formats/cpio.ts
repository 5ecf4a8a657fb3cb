import { readFile } from 'node:fs/promises';

import { type Entry, type Tree } from './tree.ts';

const TYPE = { directory: 0o040000, symlink: 0o120000, file: 0o100000 } as const;

const hex = (value: number): string => value.toString(16).padStart(8, '0');

const align = (bytes: Buffer): Buffer =>
  Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);

/** One record of the "newc" format (Documentation/driver-api/early-userspace/buffer-format.rst): header, name, content, each padded to 4. */
function record(inode: number, name: string, mode: number, content: Uint8Array): Buffer[] {
  const ended = `${name}\0`;
  const nameSize = Buffer.byteLength(ended);
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, nameSize, 0];
  const head = Buffer.from(`070701${fields.map(hex).join('')}${ended}`);
  return [align(head), align(Buffer.from(content.buffer, content.byteOffset, content.length))];
}

async function contentOf(entry: Entry): Promise<Uint8Array> {
  if (entry.type === 'symlink') return Buffer.from(entry.target);
  if (entry.type === 'directory') return Buffer.alloc(0);
  return 'bytes' in entry.content ? entry.content.bytes : readFile(entry.content.file);
}

/** Writes a tree as an initramfs archive. Time stamps are zero and owners root, so equal trees give equal bytes. */
export async function cpio(tree: Tree): Promise<Buffer> {
  const parts: Buffer[] = [];
  let inode = 1;
  for (const [where, entry] of tree.sorted()) {
    const mode = TYPE[entry.type] | (entry.type === 'symlink' ? 0o777 : entry.mode);
    parts.push(...record(inode++, where.slice(1), mode, await contentOf(entry)));
  }
  parts.push(...record(0, 'TRAILER!!!', 0, Buffer.alloc(0)));
  return Buffer.concat(parts);
}

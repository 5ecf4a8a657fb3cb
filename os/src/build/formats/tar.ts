import { chunksOf, type Entry, sizeOf, type Tree } from './tree.ts';

const BLOCK = 512;

const octal = (value: number, width: number): string =>
  `${value.toString(8).padStart(width - 1, '0')}\0`;

const TYPE = { file: '0', link: '1', symlink: '2', directory: '5' } as const;
const LONG_NAME = 'L';
const LONG_LINK = 'K';

interface Header {
  readonly name: string;
  readonly mode: number;
  readonly size: number;
  readonly type: string;
  readonly link: string;
  /** Seconds since the epoch. */
  readonly time: number;
}

/** Encodes a ustar header block (POSIX.1-1988) with uid and gid 0. */
function headerBlock({ name, mode, size, type, link, time }: Header): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0, 100);
  block.write(octal(mode, 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(time, 12), 136);
  block.write('        ', 148);
  block.write(type, 156);
  block.write(link, 157, 100);
  block.write('ustar\0', 257);
  block.write('00', 263);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}

const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** GNU's long-name record: a name over 100 bytes is the content of an extra entry before the real one. */
function long(type: string, value: string, time: number): Buffer[] {
  if (Buffer.byteLength(value) <= 100) return [];
  const bytes = Buffer.from(`${value}\0`);
  const header = headerBlock({
    name: '././@LongLink',
    mode: 0,
    size: bytes.length,
    type,
    link: '',
    time,
  });
  return [header, bytes, padding(bytes.length)];
}

/** An entry of the archive: an entry of the tree, or another name of an earlier file. */
type Member = Entry | { readonly type: 'link'; readonly mode: number; readonly target: string };

function prefixOf(where: string, member: Member, size: number, time: number): Buffer[] {
  const name = `${where.slice(1)}${member.type === 'directory' ? '/' : ''}`;
  const link = 'target' in member ? member.target : '';
  const mode = member.type === 'symlink' ? 0o777 : member.mode;
  const header = headerBlock({ name, mode, size, type: TYPE[member.type], link, time });
  return [...long(LONG_LINK, link, time), ...long(LONG_NAME, name, time), header];
}

/**
 * Writes a tree as a tar stream: sorted, owned by root, every time stamp `time` (seconds). Equal trees give equal
 * bytes. A path in `links` becomes a hard link to the path it maps to, which comes before it.
 */
export async function* tar(
  tree: Tree,
  time: number,
  links: ReadonlyMap<string, string> = new Map(),
): AsyncGenerator<Uint8Array> {
  for (const [where, entry] of tree.sorted()) {
    const target = links.get(where)?.slice(1);
    if (target !== undefined && entry.type === 'file') {
      yield* prefixOf(where, { type: 'link', mode: entry.mode, target }, 0, time);
      continue;
    }
    const size = entry.type === 'file' ? await sizeOf(entry.content) : 0;
    yield* prefixOf(where, entry, size, time);
    if (entry.type !== 'file') continue;
    yield* chunksOf(entry.content, size);
    yield padding(size);
  }
  yield Buffer.alloc(2 * BLOCK);
}

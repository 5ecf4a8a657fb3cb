import { createReadStream, createWriteStream } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { ErofsImage, type Inode } from '../formats/erofs/image.ts';
import { type MixedFile, type Part, withMixedFiles } from '../formats/erofs/mixed.ts';
import { tar } from '../formats/tar.ts';
import { type Content, sizeOf, Tree } from '../formats/tree.ts';
import { LEAST_BYTES, PAGE, pagesOf, type Run, runsOf, type TouchedFile } from './profile.ts';

/** Pages that no boot touched, between others that one did, which are kept with them: a part of their own is larger. */
const GAP = 8;

/** How parts of files are compressed, by mkfs.erofs: bytes of a cluster, and the algorithm by its position in `-z`. */
interface Hint {
  readonly clusterBytes: number;
  readonly algorithm: number;
}

const hintOf = ({ clusterBytes, algorithm }: Hint): string => `${clusterBytes} ${algorithm} .\n`;

/** A file as two kinds of parts, whose runs in turn are the whole file. */
interface PartedFile {
  readonly path: string;
  readonly content: Content;
  readonly parts: readonly (Run & { readonly isTouched: boolean })[];
}

/** Returns all pages of a file in runs, those that a boot touches and those between them. */
export function partsOf(touched: readonly Run[], pages: number): PartedFile['parts'] {
  const parts: (Run & { isTouched: boolean })[] = [];
  let next = 0;
  for (const { first, count } of runsOf(pagesOf(touched), GAP)) {
    if (first > next) parts.push({ first: next, count: first - next, isTouched: false });
    parts.push({ first, count, isTouched: true });
    next = first + count;
  }
  if (next < pages) parts.push({ first: next, count: pages - next, isTouched: false });
  return parts;
}

/** Returns a run of pages of a content, whose last one may end early. */
async function sliceOf(content: Content, { first, count }: Run): Promise<Content> {
  const start = first * PAGE;
  const end = Math.min(start + count * PAGE, await sizeOf(content));
  if ('bytes' in content) return { bytes: content.bytes.subarray(start, end) };
  const { file } = content;
  return {
    file,
    size: async () => end - start,
    sha256: () => content.sha256(),
    chunks: () => createReadStream(file, { start, end: end - 1 }),
  };
}

async function partedFiles(tree: Tree, files: readonly TouchedFile[]): Promise<PartedFile[]> {
  const touched = new Map(files.map((file) => [file.path, file.all]));
  const found: PartedFile[] = [];
  for (const [where, entry] of tree.sorted()) {
    const runs = touched.get(where);
    if (entry.type !== 'file' || runs === undefined) continue;
    const size = await sizeOf(entry.content);
    if (size < LEAST_BYTES) continue;
    const parts = partsOf(runs, Math.ceil(size / PAGE));
    found.push({ path: where, content: entry.content, parts });
  }
  return found;
}

/** Returns the tree with these files empty. */
function emptied(tree: Tree, files: readonly PartedFile[]): Tree {
  const paths = new Set(files.map((file) => file.path));
  const result = new Tree();
  for (const [where, entry] of tree.sorted())
    if (entry.type === 'directory') result.directory(where, entry.mode);
    else if (entry.type === 'symlink') result.symlink(where, entry.target);
    else if (paths.has(where))
      result.file(where, entry.mode, { bytes: Buffer.alloc(0) }, entry.origin);
    else result.file(where, entry.mode, entry.content, entry.origin);
  return result;
}

const partPath = (file: number, part: number): string => `/${file}/${part}`;

/** Returns a tree with the parts of one kind as files. */
async function partsTree(files: readonly PartedFile[], isTouched: boolean): Promise<Tree> {
  const tree = new Tree();
  for (const [number, { content, parts }] of files.entries())
    for (const [index, part] of parts.entries())
      if (part.isTouched === isTouched)
        tree.file(partPath(number, index), 0o644, await sliceOf(content, part), {
          name: 'kios',
          version: '',
          kind: 'kios',
        });
  return tree;
}

/** Runs mkfs.erofs on an archive, with arguments beyond those that all images have. */
export type Mkfs = (image: string, archive: string, extra: readonly string[]) => Promise<unknown>;

interface MixedRequest {
  readonly tree: Tree;
  /** Paths that are further names of earlier files. */
  readonly links: ReadonlyMap<string, string>;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly files: readonly TouchedFile[];
  /** Folder for files on the way. */
  readonly scratch: string;
  readonly mkfs: Mkfs;
  /** Lines of `--compress-hints` for everything but the parts. */
  readonly hints: string;
  readonly touched: Hint;
  readonly untouched: Hint;
}

/** A full index, whose entries can be put together, and no data beside inodes. */
const PARTS = ['-Elegacy-compress,noinline_data'];
const REST = ['-Eztailpacking'];

/** Makes an image of a tree in the scratch folder, and returns its path. */
async function imageOf(
  name: string,
  tree: Tree,
  { time, scratch, mkfs, links }: MixedRequest,
  { hints, extra }: { readonly hints: string; readonly extra: readonly string[] },
): Promise<string> {
  const fileOf = (end: string): string => path.join(scratch, `${name}.${end}`);
  const [archive, hintFile, image] = [fileOf('tar'), fileOf('hints'), fileOf('erofs')];
  await pipeline(Readable.from(tar(tree, time, links)), createWriteStream(archive));
  await writeFile(hintFile, hints);
  await mkfs(image, archive, [...extra, `--compress-hints=${hintFile}`]);
  for (const file of [archive, hintFile]) await rm(file);
  return image;
}

/** Reads an image and removes its file. */
async function takeImage(file: string): Promise<ErofsImage> {
  const bytes = await readFile(file);
  await rm(file);
  return new ErofsImage(bytes);
}

const inodesOf = (image: ErofsImage): Map<string, Inode> =>
  new Map([...image.names()].map(({ path: where, nid }) => [where, image.inode(nid)]));

/**
 * Makes an image of a tree in which what boots touch of large files is compressed in one way, to be read fast, and the
 * rest of them in another, to be small. Writes it to `out`.
 */
export async function makeMixedRoot(out: string, request: MixedRequest): Promise<void> {
  const files = await partedFiles(request.tree, request.files);
  const made = await imageOf('rest', emptied(request.tree, files), request, {
    hints: request.hints,
    extra: REST,
  });
  if (files.length === 0) return rename(made, out);
  const rest = await takeImage(made);
  const kinds = new Map<boolean, { image: ErofsImage; inodes: Map<string, Inode> }>();
  for (const [isTouched, hint] of [
    [true, request.touched],
    [false, request.untouched],
  ] as const) {
    const tree = await partsTree(files, isTouched);
    const how = { hints: hintOf(hint), extra: PARTS };
    const image = await takeImage(await imageOf('parts', tree, request, how));
    kinds.set(isTouched, { image, inodes: inodesOf(image) });
  }
  const names = [...rest.names()];
  const mixed = files.map((file, number): MixedFile => {
    const { nid } = names.find((name) => name.path === file.path)!;
    const parts = file.parts.map(({ isTouched }, index): Part => {
      const { image, inodes } = kinds.get(isTouched)!;
      return { image, inode: inodes.get(partPath(number, index))!, isSecond: !isTouched };
    });
    return {
      inode: rest.inode(nid),
      names: names.filter((name) => name.nid === nid).map(({ at }) => at),
      parts,
    };
  });
  await writeFile(out, withMixedFiles(rest, mixed));
}

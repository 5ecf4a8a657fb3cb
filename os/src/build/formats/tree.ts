import { hash } from 'node:crypto';
import path from 'node:path';

import { KiosError } from '@kios/errors';

/** The package or component that a file of the image comes from, for the bill of materials. */
export interface Origin {
  /** Package or component name. */
  readonly name: string;
  readonly version: string;
  readonly kind: 'deb' | 'go' | 'npm' | 'oci' | 'kios';
  /** SHA-256 of the package file or of the compiled program, hexadecimal. */
  readonly sha256?: string;
  /** The text of its licences, of what is not free. */
  readonly licence?: string;
}

/** A file outside the tree, read only when its content is needed. */
export interface StoredFile {
  /** Its path, for messages. */
  readonly file: string;
  size(): Promise<number>;
  /** SHA-256 in hexadecimal. */
  sha256(): Promise<string>;
  chunks(): AsyncIterable<Uint8Array>;
}

export type Content = { readonly bytes: Uint8Array } | StoredFile;

export type Entry =
  | { readonly type: 'directory'; readonly mode: number }
  | { readonly type: 'symlink'; readonly target: string; readonly origin?: Origin }
  | {
      readonly type: 'file';
      readonly mode: number;
      readonly content: Content;
      readonly origin: Origin;
    };

/**
 * A file system as data: absolute path without a trailing slash → entry. Everything belongs to root and has one time
 * stamp, so it can be built without root rights and from files with any owner. Parents are added on demand.
 */
export class Tree {
  readonly #entries = new Map<string, Entry>();

  #put(where: string, entry: Entry): this {
    const clean = path.posix.normalize(where);
    if (!clean.startsWith('/') || clean === '/')
      throw new KiosError('KIOS_TREE', `add ${where} to the image: it is not an absolute path`);
    const parent = path.posix.dirname(clean);
    if (parent !== '/' && !this.#entries.has(parent)) this.directory(parent);
    this.#entries.set(clean, entry);
    return this;
  }

  directory(where: string, mode = 0o755): this {
    return this.#put(where, { type: 'directory', mode });
  }

  symlink(where: string, target: string): this {
    return this.#put(where, { type: 'symlink', target });
  }

  file(where: string, mode: number, content: Content, origin: Origin): this {
    return this.#put(where, { type: 'file', mode, content, origin });
  }

  text(where: string, content: string, origin: Origin): this {
    return this.file(where, 0o644, { bytes: Buffer.from(content) }, origin);
  }

  /** Adds everything of `other` below `prefix`. */
  graft(prefix: string, other: Tree): this {
    for (const [where, entry] of other.sorted()) this.#put(path.posix.join(prefix, where), entry);
    return this;
  }

  has(where: string): boolean {
    return this.#entries.has(where);
  }

  /** Returns the entries in byte order of their paths, so a folder comes before its content. */
  sorted(): [string, Entry][] {
    return [...this.#entries].toSorted(([a], [b]) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
  }
}

export const sizeOf = async (content: Content): Promise<number> =>
  'bytes' in content ? content.bytes.length : content.size();

/** Digests of contents in memory, which never change: the profile, the fingerprints and the bill of materials ask. */
const known = new WeakMap<Uint8Array, string>();

/** Returns the SHA-256 in hexadecimal. */
export async function digestOf(content: Content): Promise<string> {
  if (!('bytes' in content)) return content.sha256();
  const digest = known.get(content.bytes) ?? hash('sha256', content.bytes);
  known.set(content.bytes, digest);
  return digest;
}

/** Yields the content in chunks. Fails when they are not `size` bytes long, the size that an archive's header gives. */
export async function* chunksOf(content: Content, size: number): AsyncGenerator<Uint8Array> {
  if ('bytes' in content) {
    yield content.bytes;
    return;
  }
  let read = 0;
  for await (const chunk of content.chunks()) {
    read += chunk.length;
    yield chunk;
  }
  if (read !== size)
    throw new KiosError('KIOS_TREE', `read ${content.file}: it changed while the image was built`);
}

/**
 * Describes the entry at each path, in the order of the paths; files by mode and digest. Equal trees have equal
 * fingerprints.
 */
export async function fingerprints(tree: Tree): Promise<Map<string, string>> {
  const prints = new Map<string, string>();
  for (const [where, entry] of tree.sorted()) {
    if (entry.type === 'symlink') prints.set(where, `-> ${entry.target}`);
    else if (entry.type === 'directory') prints.set(where, `${entry.mode}/`);
    else prints.set(where, `${entry.mode} ${await digestOf(entry.content)}`);
  }
  return prints;
}

/** Maps each file whose fingerprint an earlier file has too to the path of that file. */
export function twins(tree: Tree, prints: ReadonlyMap<string, string>): Map<string, string> {
  const first = new Map<string, string>();
  const found = new Map<string, string>();
  for (const [where, entry] of tree.sorted()) {
    const print = prints.get(where);
    if (entry.type !== 'file' || print === undefined) continue;
    const before = first.get(print);
    if (before === undefined) first.set(print, where);
    else found.set(where, before);
  }
  return found;
}

import { readdir, readlink, stat, lstat } from 'node:fs/promises';
import path from 'node:path';

import { KiosError } from '@kios/errors';

import { fileSha256, sha256 } from '../../workstation/digest.ts';

/** Where a file of the image came from; ends up in the SBOM. */
export interface Origin {
  /** Package or component name. */
  readonly name: string;
  readonly version: string;
  readonly kind: 'deb' | 'go' | 'npm' | 'kios';
  /** SHA-256 of the package file or of the sources' go.sum line, hexadecimal. */
  readonly sha256?: string;
}

export type Content = { readonly file: string } | { readonly bytes: Uint8Array };

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
 * A file system as data: absolute path without a trailing slash → entry. Everything belongs to root and carries one time stamp, so
 * neither root rights nor the host's own files play a part. Parents are made on demand.
 */
export class Tree {
  readonly #entries = new Map<string, Entry>();

  #put(where: string, entry: Entry): this {
    const clean = path.posix.normalize(where);
    if (!clean.startsWith('/') || clean === '/')
      throw new KiosError('KIOS_TREE', `add ${where} to the image: not an absolute path`);
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

  /** Entries in byte order of their paths: parents come before what they hold. */
  sorted(): [string, Entry][] {
    return [...this.#entries].toSorted(([a], [b]) =>
      Buffer.compare(Buffer.from(a), Buffer.from(b)),
    );
  }
}

export const sizeOf = async (content: Content): Promise<number> =>
  'bytes' in content ? content.bytes.length : (await stat(content.file)).size;

/** SHA-256 in hexadecimal. */
export const digestOf = async (content: Content): Promise<string> =>
  'bytes' in content ? sha256(content.bytes) : fileSha256(content.file);

/** What lies at each path, in the order of the paths; files by mode and digest. Equal trees have equal ones. */
export async function fingerprints(tree: Tree): Promise<Map<string, string>> {
  const prints = new Map<string, string>();
  for (const [where, entry] of tree.sorted()) {
    if (entry.type === 'symlink') prints.set(where, `-> ${entry.target}`);
    else if (entry.type === 'directory') prints.set(where, `${entry.mode}/`);
    else prints.set(where, `${entry.mode} ${await digestOf(entry.content)}`);
  }
  return prints;
}

/** Files whose fingerprint is that of a file before them → the path of that one. */
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

/** Reads a folder of the host into a tree below `prefix`; only the owner's execute bit of a mode is kept. */
export async function addFolder(
  tree: Tree,
  prefix: string,
  folder: string,
  origin: Origin,
): Promise<void> {
  for (const name of (await readdir(folder)).toSorted()) {
    const from = path.join(folder, name);
    const to = path.posix.join(prefix, name);
    const status = await lstat(from);
    if (status.isSymbolicLink()) tree.symlink(to, await readlink(from));
    else if (status.isDirectory()) {
      tree.directory(to);
      await addFolder(tree, to, from, origin);
    } else tree.file(to, (status.mode & 0o100) === 0 ? 0o644 : 0o755, { file: from }, origin);
  }
}

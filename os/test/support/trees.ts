import * as fc from 'fast-check';

import { type Origin, Tree } from '../../src/build/formats/tree.ts';

export const origin: Origin = { name: 'test', version: '1', kind: 'kios' };

export async function bytesOf(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all);
}

/** Files by path: content and mode. */
export type Files = Readonly<
  Record<string, { readonly bytes: Uint8Array; readonly executable: boolean }>
>;

const part = fc.stringMatching(/^[a-z][a-zA-Z0-9._-]{0,60}$/);

/** Paths of one to five parts, some longer than a header's 100 bytes. No file is below another. */
export const anyFiles: fc.Arbitrary<Files> = fc
  .dictionary(
    fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => `/${parts.join('/')}`),
    fc.record({ bytes: fc.uint8Array({ maxLength: 1500 }), executable: fc.boolean() }),
    { maxKeys: 8 },
  )
  .map((files) => {
    const paths = Object.keys(files);
    const leaves = paths.filter((one) => !paths.some((other) => other.startsWith(`${one}/`)));
    return Object.fromEntries(leaves.map((name) => [name, files[name]!]));
  });

export function treeOf(files: Files): Tree {
  const tree = new Tree();
  for (const [where, { bytes, executable }] of Object.entries(files))
    tree.file(where, executable ? 0o755 : 0o644, { bytes }, origin);
  return tree;
}

/** Returns the mode of an entry in octal; empty for a symbolic link and for a missing entry. */
export const modeOf = (tree: Tree, where: string): string => {
  const entry = new Map(tree.sorted()).get(where);
  return entry === undefined || entry.type === 'symlink' ? '' : entry.mode.toString(8);
};

import { lstat, readFile } from 'node:fs/promises';
import path from 'node:path';

import type { Toolroot } from '../../build/sources/debian/toolroot.ts';
import { fileSha256, sha256 } from '../../workstation/digest.ts';
import { pathsBelow } from '../../workstation/paths-below.ts';
import { readPart } from '../kind.ts';
import { goVersion } from './go-version.ts';
import type { InspectedProgram, InspectedRoot, RootFile } from './model.ts';
import { describePod } from './pods.ts';
import { parseRelease, RELEASE_FILE } from './release.ts';
import { type ReadFile, readImages } from './store.ts';

const STORED = /On-disk size: (\d+)[^]*?NID: (\d+)/;

/**
 * Returns the bytes that each file takes in the image. Names of one inode count once. A file that fits beside its inode
 * takes no block of its own.
 */
async function storedSizes(
  image: string,
  names: readonly string[],
  tools: Toolroot,
): Promise<Map<string, number>> {
  const seen = new Set<string>();
  const sizes = new Map<string, number>();
  for (const name of names) {
    const shown = await tools.run('usr/bin/dump.erofs', [`--path=${name}`, image]);
    const [, bytes, inode] = STORED.exec(shown) ?? [];
    if (bytes === undefined || inode === undefined) throw new Error(`${name} has no size`);
    sizes.set(name, seen.has(inode) ? 0 : Number(bytes));
    seen.add(inode);
  }
  return sizes;
}

async function programsOf(names: readonly string[], read: ReadFile): Promise<InspectedProgram[]> {
  const programs: InspectedProgram[] = [];
  for (const file of names.filter((name) => name.startsWith('/bin/'))) {
    const bytes = await read(file);
    const version = bytes === undefined ? undefined : goVersion(bytes);
    if (version !== undefined) programs.push({ file, bytes: bytes!.length, ...version });
  }
  return programs;
}

/** Reads a root file system, which it unpacks into the empty folder `into`. */
export async function inspectRoot(
  image: string,
  into: string,
  tools: Toolroot,
): Promise<InspectedRoot> {
  await readPart('root file system', () =>
    tools.run('usr/bin/fsck.erofs', [`--extract=${into}`, '--no-preserve', image]),
  );
  const names = (await pathsBelow(into)).files.map((name) => `/${name}`);
  const known = new Set(names);
  // Only regular files are opened: a link of the image must not lead to a file of the workstation.
  const read: ReadFile = async (file) =>
    known.has(file) ? readFile(path.join(into, file)) : undefined;
  const stored = await storedSizes(image, names, tools);
  const files: RootFile[] = [];
  for (const name of names) {
    const bytes = await readFile(path.join(into, name));
    files.push({ name, bytes: bytes.length, stored: stored.get(name) ?? 0, sha256: sha256(bytes) });
  }
  const release = await read(RELEASE_FILE);
  if (release === undefined) throw new Error(`the root has no ${RELEASE_FILE}`);
  const manifests = names.filter((name) => name.startsWith('/etc/kubernetes/manifests/'));
  return {
    bytes: (await lstat(image)).size,
    sha256: await fileSha256(image),
    release: parseRelease(release.toString('utf8')),
    files,
    programs: await programsOf(names, read),
    images: await readImages(read),
    pods: await Promise.all(
      manifests.map(async (name) => describePod(path.posix.basename(name), (await read(name))!)),
    ),
  };
}

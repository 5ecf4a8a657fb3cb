import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import process from 'node:process';
import { pipeline } from 'node:stream/promises';

import { makeImage } from '../../src/build/formats/oci.ts';
import { makeSbom } from '../../src/build/formats/sbom.ts';
import { type Origin, Tree } from '../../src/build/formats/tree.ts';
import { makeUki } from '../../src/build/formats/uki.ts';
import { makeDisk } from '../../src/build/image/disk.ts';
import { makeErofs } from '../../src/build/image/erofs.ts';
import { makeInitramfs } from '../../src/build/image/initramfs.ts';
import { writeLayer, writeLayout } from '../../src/build/image/oci-layout.ts';
import { addFolder, storedFile } from '../../src/build/image/stored-files.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { makeStore, STORE } from '../../src/build/store/store.ts';
import { workstationArch } from '../../src/workstation/arch.ts';
import { silent } from '../../src/workstation/progress.ts';
import { mediumWith } from './efi-medium.ts';
import { makeStub } from './stub.ts';

/**
 * Makes a small image in a given folder, from the same inputs each time, and prints the digest of each part. The test
 * of reproducibility runs it twice in different surroundings.
 */

const TIME = 1_790_000_000;
const origin: Origin = { name: 'test', version: '1', kind: 'kios' };
const dir = path.resolve(process.argv[2]!);
const arch = workstationArch();

async function digest(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}

/** Makes a folder. Its times, the order of its files and modes other than the execute bit must not matter. */
async function workstationFolder(): Promise<string> {
  const folder = path.join(dir, 'folder');
  await mkdir(path.join(folder, 'sub'), { recursive: true });
  const names = ['a', 'b', 'sub/c'];
  for (const name of process.env['REVERSED'] === undefined ? names : names.toReversed())
    await writeFile(path.join(folder, name), name.repeat(5000));
  return folder;
}

async function makeFiles(): Promise<Tree> {
  const layout = path.join(dir, 'layout');
  const layer = async (name: string) =>
    writeLayer(layout, new Tree().text(`/${name}`, name.repeat(3000), origin), TIME);
  const [base, ...own] = await Promise.all(['base', 'one', 'two'].map(layer));
  const images = own.map((last, index) =>
    makeImage(
      { name: `kios.invalid/${index}:1`, layers: [base!, last], entrypoint: ['/x'], env: [] },
      arch,
      TIME,
    ),
  );
  await writeLayout(layout, images, arch);
  const tree = new Tree().directory('/proc').symlink('/bin/mount', 'init');
  await addFolder(tree, '/etc', await workstationFolder(), origin);
  return tree.graft(STORE, makeStore(images, TIME, origin));
}

const tools = await openToolroot(silent);
const files = await makeFiles();
const root = await makeErofs({
  tree: files,
  time: TIME,
  tools,
  progress: silent,
  name: 'root.erofs',
});
const rootDigest = await digest(root);
const initramfs = await makeInitramfs(
  new Tree().text('/early/table', 'always x\n', origin),
  new Tree().file('/root.erofs', 0o644, storedFile(root), origin),
);
const efi = path.join(dir, 'kios.efi');
await writeFile(efi, makeUki(makeStub(), [{ name: '.initrd', content: initramfs }]));
const disk = path.join(dir, 'kios.img');
await makeDisk({ out: disk, boot: mediumWith(efi, arch), time: TIME, tools });
const sbom = path.join(dir, 'sbom.json');
await writeFile(sbom, await makeSbom('test', [files], TIME));
// The next run must make it again.
await rm(path.dirname(root), { recursive: true });
const digests = {
  index: await digest(path.join(dir, 'layout/index.json')),
  root: rootDigest,
  efi: await digest(efi),
  disk: await digest(disk),
  sbom: await digest(sbom),
};
process.stdout.write(JSON.stringify(digests));

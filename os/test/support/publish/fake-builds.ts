import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { makeImage, type OciImage } from '../../../src/build/formats/oci.ts';
import { makeSbom } from '../../../src/build/formats/sbom.ts';
import { type Origin, Tree } from '../../../src/build/formats/tree.ts';
import { makeUki } from '../../../src/build/formats/uki.ts';
import { writeLayer, writeLayout } from '../../../src/build/image/oci-layout.ts';
import { writeRecord, writeSboms } from '../../../src/build/image/record.ts';
import { storedFile } from '../../../src/build/image/stored-files.ts';
import { imageName } from '../../../src/build/shipped.ts';
import type { Arch } from '../../../src/workstation/paths.ts';
import { makeStub } from '../stub.ts';

const TIME = 1_790_000_000;
const kios: Origin = { name: 'kios', version: '1', kind: 'kios' };
const deb: Origin = { name: 'libc6', version: '2.41-12', kind: 'deb', sha256: 'ab'.repeat(32) };

export interface FakeBuild {
  /** Folder of the output folders. */
  readonly home: string;
  /** What differs between two builds. */
  readonly content: string;
  readonly agents?: readonly string[];
  readonly arches?: readonly Arch[];
  /** Bytes of the layer that all agents share. */
  readonly sharedBytes?: number;
  /** A static program that every image runs; without it no image can run. */
  readonly program?: string;
  /** Content of modules.erofs; none without it. */
  readonly modules?: string;
  /** Makes a system for arm64 that boards start too. */
  readonly forBoards?: boolean;
}

export const fakeDist = (home: string, arch: Arch): string => path.join(home, arch);

/** Writes what `kios build` leaves in its output folder, with small files in the place of programs. */
export async function fakeBuild(request: FakeBuild): Promise<void> {
  const { arches = ['amd64', 'arm64'], agents = ['dhcp', 'chrony-config', 'pause'] } = request;
  for (const arch of arches) await fakeArch(request, arch, agents);
}

async function fakeArch(
  { home, content, sharedBytes = 100_000, program, modules, forBoards = false }: FakeBuild,
  arch: Arch,
  agents: readonly string[],
): Promise<void> {
  const dist = fakeDist(home, arch);
  await rm(dist, { recursive: true, force: true });
  const layout = path.join(dist, 'images');
  const shared = new Tree().file(
    '/bin/bun',
    0o755,
    { bytes: Buffer.alloc(sharedBytes, arch) },
    deb,
  );
  const runtime = await writeLayer(layout, shared, TIME);
  const images: OciImage[] = [];
  for (const name of agents) {
    const tree = new Tree().text('/owner', `${name} ${content}`, kios);
    if (program !== undefined) tree.file('/agent', 0o755, storedFile(program), kios);
    const own = await writeLayer(layout, tree, TIME);
    const layers = name === 'pause' ? [own] : [runtime, own];
    images.push(
      makeImage({ name: imageName(name), layers, entrypoint: ['/agent'], env: [] }, arch, TIME),
    );
  }
  await writeLayout(layout, images, arch);
  await writeSboms(dist, images, TIME);
  await mkdir(dist, { recursive: true });
  await writeFile(path.join(dist, 'kios.efi'), `kios.efi for ${arch}: ${content}`);
  if (forBoards && arch === 'arm64') {
    const initrd = { name: '.initrd', content: Buffer.from(`initramfs: ${content}`) };
    await writeFile(path.join(dist, 'kios.efi'), makeUki(makeStub(), [initrd]));
    await mkdir(path.join(dist, 'rpi4'));
    for (const name of ['kernel8.img', 'cmdline.txt'])
      await writeFile(path.join(dist, 'rpi4', name), `${name}: ${content}`);
  }
  const tree = new Tree().text('/bin/init', content, kios).text('/lib/libc.so', 'c', deb);
  await writeFile(path.join(dist, 'sbom.spdx.json'), await makeSbom('kios', [tree], TIME));
  if (modules !== undefined) {
    await writeFile(path.join(dist, 'modules.erofs'), modules);
    const kernel = new Tree().text('/lib/modules/a.ko', modules, deb);
    await writeFile(
      path.join(dist, 'modules.spdx.json'),
      await makeSbom('modules', [kernel], TIME),
    );
  }
  await writeRecord(dist, { arch, time: TIME, kernel: 'kios', bootstrap: undefined });
}

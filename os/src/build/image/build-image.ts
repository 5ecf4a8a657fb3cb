import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { workstationArch } from '../../workstation/arch.ts';
import { cacheKey } from '../../workstation/cache.ts';
import { fileSha256, sha256 } from '../../workstation/digest.ts';
import { lockOutput } from '../../workstation/folder-lock.ts';
import { type Arch, distDir, repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import { buildWorkspaces } from '../../workstation/turbo.ts';
import { referenceOf } from '../formats/oci.ts';
import { makeSbom } from '../formats/sbom.ts';
import { makeUki } from '../formats/uki.ts';
import { commandLine } from '../kernel/command-line.ts';
import { DEFAULT_KERNEL, type KernelName } from '../kernel/kernel-name.ts';
import { type Kernel, openKernel } from '../kernel/open-kernel.ts';
import type { BootstrapChoice } from '../manifests/bootstrap-choice.ts';
import { readCheckedManifests } from '../manifests/check-folder.ts';
import type { ManifestFile } from '../manifests/read.ts';
import { stampManifests } from '../manifests/stamp.ts';
import { openToolroot, type Toolroot } from '../sources/debian/toolroot.ts';
import { buildUpstream } from '../sources/upstream/build.ts';
import { cniPlugins, NODE_PROGRAMS } from '../sources/upstream/components.ts';
import { ensureGo } from '../sources/upstream/go-toolchain.ts';
import { buildPause } from '../sources/upstream/pause.ts';
import { makeStore } from '../store/store.ts';
import { KIOS } from '../versions.ts';
import { makeDisk } from './disk.ts';
import { makeErofs } from './erofs.ts';
import { espFilesDigest } from './esp.ts';
import { makeImages } from './images.ts';
import { makeInitramfs } from './initramfs.ts';
import { clearLayout } from './oci-layout.ts';
import { otherBootstrap } from './other-bootstrap.ts';
import { assertPrograms } from './programs.ts';
import { removeRecord, writeRecord, writeSboms } from './record.ts';
import { makeEarlyRoot, makeRoot, rootFile } from './root.ts';
import { certificates, fetchParts } from './runtime.ts';
import { readStub } from './stub.ts';

export interface BuildRequest {
  readonly arch: Arch;
  readonly progress: Progress;
  /** Default: `DEFAULT_KERNEL`. */
  readonly kernel?: KernelName;
  /** Folder of the static pods. Default: `manifests/`. */
  readonly manifests?: string;
  /** The bootstrap that replaces the shipped one. */
  readonly bootstrap?: BootstrapChoice;
  /** Folder of the artefacts. Default: `dist/<arch>/`. */
  readonly out?: string;
}

/** Paths of the finished artefacts. */
export interface BuiltImage {
  readonly efi: string;
  readonly image: string;
  readonly root: string;
  readonly sbom: string;
}

const DAY = 86_400;

/**
 * Returns the time of the build, seconds since the epoch: the day (UTC) of the newest commit, so that equal sources
 * give equal bytes and the commits of a day share the slow steps. A node's clock never starts below it.
 */
async function sourceTime(): Promise<number> {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined) return Number(given);
  const commit = Number(await run('git', ['log', '-1', '--format=%ct'], { cwd: repository }));
  return commit - (commit % DAY);
}

/** Builds the repository's own programs: init and the agents' bundles. */
async function buildOwn(progress: Progress): Promise<void> {
  const go = await ensureGo(progress);
  await progress.task('init and agents', (note) =>
    buildWorkspaces(['./agents/*', '@kios/init'], {
      env: { PATH: `${path.dirname(go)}:${process.env['PATH'] ?? ''}` },
      onLine: note,
    }),
  );
}

interface Base {
  readonly arch: Arch;
  readonly dist: string;
  readonly time: number;
  readonly tools: Toolroot;
  readonly kernel: Kernel;
  readonly init: string;
  readonly progress: Progress;
  /** The static pods as they are in the repository. */
  readonly manifests: readonly ManifestFile[];
  readonly bootstrap: BootstrapChoice | undefined;
}

async function buildRoot(
  base: Base,
): Promise<{ root: string; files: Awaited<ReturnType<typeof makeRoot>> }> {
  const { arch, dist, time, progress, kernel, tools, manifests, bootstrap } = base;
  const programs = await buildUpstream(NODE_PROGRAMS, arch, progress);
  const parts = await fetchParts(arch, progress);
  const layout = path.join(dist, 'images');
  await removeRecord(dist);
  await clearLayout(layout);
  const images = await makeImages(
    {
      arch,
      time,
      layout,
      parts,
      workstationBun:
        arch === workstationArch()
          ? parts.bun
          : (await fetchParts(workstationArch(), progress)).bun,
      pause: await buildPause(arch, progress),
      cni: await buildUpstream(await cniPlugins(), arch, progress),
      ...(await otherBootstrap(bootstrap, progress)),
    },
    progress,
  );
  await writeSboms(dist, images, time);
  const references = new Map(images.map((image) => [image.name, referenceOf(image)]));
  const store = makeStore(images, time, { name: 'kios', version: KIOS, kind: 'kios' });
  const files = await makeRoot({
    arch,
    time,
    kernel,
    programs,
    certificates: await certificates(parts),
    store,
    manifests: stampManifests(manifests, references, bootstrap),
    references,
  });
  await assertPrograms(files);
  return { files, root: await makeErofs(files, time, tools, progress) };
}

async function replace(file: string, content: Uint8Array | string): Promise<void> {
  await writeFile(`${file}.tmp`, content);
  await rename(`${file}.tmp`, file);
}

async function assemble(base: Base, stub: Buffer, root: string): Promise<Buffer> {
  const { arch, kernel, init } = base;
  // No `.osrel` section: the stub would turn it into a second initrd and copy ours to append it, which does not fit
  // into 512 MiB.
  return makeUki(stub, [
    { name: '.cmdline', content: Buffer.from(commandLine(arch)) },
    { name: '.uname', content: Buffer.from(kernel.version) },
    { name: '.initrd', content: await makeInitramfs(makeEarlyRoot(kernel, init), rootFile(root)) },
    { name: '.linux', content: await readFile(kernel.image) },
  ]);
}

/**
 * Returns the digest of the code under `os/src/build`, which may make other bytes from equal inputs when it changes.
 */
async function ownCode(): Promise<string> {
  const folder = path.resolve(import.meta.dirname, '..');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const paths = files.map((file) => path.join(file.parentPath, file.name)).toSorted();
  return sha256((await Promise.all(paths.map(fileSha256))).join());
}

/** Says whether all artefacts exist and were made for `key`. */
async function unchanged(stamp: string, key: string, artefacts: BuiltImage): Promise<boolean> {
  const made = await readFile(stamp, 'utf8').catch(() => '');
  return made === key && Object.values(artefacts).every((file: string) => existsSync(file));
}

async function makeArtefacts(dist: string, request: BuildRequest): Promise<BuiltImage> {
  const { arch, progress, bootstrap } = request;
  const at = (name: string): string => path.join(dist, name);
  const out = {
    efi: at('kios.efi'),
    image: at('kios.img'),
    root: at('root.erofs'),
    sbom: at('sbom.spdx.json'),
  };
  // Checked first, so that a fault stops the build before anything is compiled.
  const manifests = await readCheckedManifests(progress, request.manifests);
  const time = await sourceTime();
  const tools = await openToolroot(progress);
  const kernel = await openKernel(request.kernel ?? DEFAULT_KERNEL, arch, tools, progress);
  await buildOwn(progress);
  const init = path.join(repository, 'init/dist', arch, 'init');
  const base: Base = { arch, dist, time, tools, kernel, init, progress, manifests, bootstrap };
  const { root, files } = await buildRoot(base);
  const stub = await readStub(arch, progress);
  const key = cacheKey(
    root,
    sha256(stub.bytes),
    await ownCode(),
    kernel.origin,
    await fileSha256(kernel.image),
    commandLine(arch),
    time,
    await fileSha256(init),
    await espFilesDigest(),
  );
  if (await unchanged(at('.built'), key, out)) return out;
  await progress.task('kios.efi', async () =>
    replace(out.efi, await assemble(base, stub.bytes, root)),
  );
  await progress.task('kios.img', () =>
    makeDisk({ out: out.image, efi: out.efi, arch, time, tools }),
  );
  await copyFile(root, out.root);
  await progress.task('sbom.spdx.json', async () =>
    replace(out.sbom, await makeSbom(`kios-${KIOS}`, [files], time)),
  );
  await replace(at('.built'), key);
  return out;
}

async function buildInto(dist: string, request: BuildRequest): Promise<BuiltImage> {
  const built = await makeArtefacts(dist, request);
  const { arch, kernel = DEFAULT_KERNEL, bootstrap } = request;
  await writeRecord(dist, { arch, kernel, bootstrap, time: await sourceTime() });
  return built;
}

/**
 * Builds the machine image from upstream sources and packages. Every slow step is in the content-keyed cache, so a
 * second run without changes takes seconds. Only one build at a time works in an output folder.
 */
export async function buildImage(request: BuildRequest): Promise<BuiltImage> {
  const dist = request.out ?? distDir(request.arch);
  await mkdir(dist, { recursive: true });
  const held = await lockOutput(dist, request.progress);
  try {
    return await buildInto(dist, request);
  } finally {
    held[Symbol.dispose]();
  }
}

import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { workstationArch } from '../../workstation/arch.ts';
import { cacheKey } from '../../workstation/cache.ts';
import { fileSha256, sha256 } from '../../workstation/digest.ts';
import { lockOutput } from '../../workstation/folder-lock.ts';
import { type Arch, distDir, repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { buildWorkspaces } from '../../workstation/turbo.ts';
import { referenceOf } from '../formats/oci.ts';
import { makeSbom } from '../formats/sbom.ts';
import { fingerprints, type Tree } from '../formats/tree.ts';
import { makeUki } from '../formats/uki.ts';
import { commandLine } from '../kernel/command-line.ts';
import { DEFAULT_KERNEL, type KernelName } from '../kernel/kernel-name.ts';
import { type Kernel, openKernel } from '../kernel/open-kernel.ts';
import type { BootstrapChoice } from '../manifests/bootstrap-choice.ts';
import { readCheckedManifests } from '../manifests/check-folder.ts';
import type { ManifestFile } from '../manifests/read.ts';
import { stampManifests } from '../manifests/stamp.ts';
import type { FirmwareName } from '../sources/debian/firmware-names.ts';
import { openToolroot, type Toolroot } from '../sources/debian/toolroot.ts';
import { buildUpstream } from '../sources/upstream/build.ts';
import { cniPlugins, NODE_PROGRAMS } from '../sources/upstream/components.ts';
import { ensureGo } from '../sources/upstream/go-toolchain.ts';
import { buildPause } from '../sources/upstream/pause.ts';
import { makeStore } from '../store/store.ts';
import { KIOS } from '../versions.ts';
import { artefactsIn, type BuiltImage, unchanged } from './artefacts.ts';
import { makeDisk } from './disk.ts';
import { makeErofs } from './erofs.ts';
import { espFilesDigest } from './esp.ts';
import type { Microcode } from './firmware.ts';
import { makeImages } from './images.ts';
import { makeInitramfs } from './initramfs.ts';
import { MODULES_SECTION, type ModulesImage, withFirmware } from './modules-image.ts';
import { clearLayout } from './oci-layout.ts';
import { otherBootstrap } from './other-bootstrap.ts';
import { assertPrograms } from './programs.ts';
import { removeRecord, writeRecord, writeSboms } from './record.ts';
import { makeEarlyRoot, makeRoot, rootFile } from './root.ts';
import { certificates, fetchParts } from './runtime.ts';
import { ownCode, sourceTime } from './source-state.ts';
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
  /** Firmware that is not free. Default: none. */
  readonly firmware?: readonly FirmwareName[];
  /** Folder of the artefacts. Default: `dist/<arch>/`. */
  readonly out?: string;
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
  readonly modules: ModulesImage;
  readonly microcode: Microcode | undefined;
}

async function buildRoot(
  base: Base,
): Promise<{ root: string; files: Awaited<ReturnType<typeof makeRoot>> }> {
  const { arch, dist, time, progress, kernel, tools, manifests, bootstrap, modules } = base;
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
    modulesSha256: modules.sha256,
  });
  if (base.microcode !== undefined) files.graft('/', base.microcode.licences);
  await assertPrograms(files);
  return { files, root: await makeErofs(files, time, tools, progress) };
}

async function replace(file: string, content: Uint8Array | string): Promise<void> {
  await writeFile(`${file}.tmp`, content);
  await rename(`${file}.tmp`, file);
}

async function assemble(base: Base, stub: Buffer, root: string): Promise<Buffer> {
  const { arch, kernel, init, modules, microcode } = base;
  const early = makeEarlyRoot(kernel, init);
  const initrd = await makeInitramfs(early, rootFile(root), microcode?.early);
  // No `.osrel` section: the stub would turn it into a second initrd and copy ours to append it, which does not fit
  // into 512 MiB.
  return makeUki(stub, [
    { name: '.cmdline', content: Buffer.from(commandLine(arch)) },
    { name: '.uname', content: Buffer.from(kernel.version) },
    { name: '.initrd', content: initrd },
    { name: '.linux', content: await readFile(kernel.image) },
    { name: MODULES_SECTION, content: Buffer.from(modules.sha256) },
  ]);
}

/** Writes the bills of materials of the EFI file and of modules.erofs. */
async function writeBoms(base: Base, files: Tree, out: BuiltImage): Promise<void> {
  const { kernel, modules, microcode, time } = base;
  const trees = microcode === undefined ? [files] : [files, microcode.early];
  await replace(out.sbom, await makeSbom(`kios-${KIOS}`, trees, time));
  const ofModules = await makeSbom(`kios-modules-${kernel.version}`, [modules.tree], time);
  await replace(out.modulesSbom, ofModules);
}

async function makeArtefacts(dist: string, request: BuildRequest): Promise<BuiltImage> {
  const { arch, progress, bootstrap } = request;
  const out = artefactsIn(dist);
  const stamp = path.join(dist, '.built');
  // Checked first, so that a fault stops the build before anything is compiled.
  const manifests = await readCheckedManifests(progress, request.manifests);
  const time = await sourceTime();
  const tools = await openToolroot(progress);
  const kernel = await openKernel(request.kernel ?? DEFAULT_KERNEL, arch, tools, progress);
  await buildOwn(progress);
  const init = path.join(repository, 'init/dist', arch, 'init');
  const { modules, microcode } = await withFirmware({
    arch,
    kernel,
    names: request.firmware ?? [],
    tools,
    progress,
  });
  const base: Base = {
    arch,
    dist,
    time,
    tools,
    kernel,
    init,
    progress,
    manifests,
    bootstrap,
    modules,
    microcode,
  };
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
    microcode === undefined ? [] : [...(await fingerprints(microcode.early)).values()],
  );
  if (await unchanged(stamp, key, out)) return out;
  await progress.task('kios.efi', async () =>
    replace(out.efi, await assemble(base, stub.bytes, root)),
  );
  await progress.task('kios.img', () =>
    makeDisk({ out: out.image, efi: out.efi, arch, time, tools }),
  );
  await copyFile(root, out.root);
  await copyFile(modules.file, out.modules);
  await progress.task('bills of materials', () => writeBoms(base, files, out));
  await replace(stamp, key);
  return out;
}

async function buildInto(dist: string, request: BuildRequest): Promise<BuiltImage> {
  const built = await makeArtefacts(dist, request);
  const { arch, kernel = DEFAULT_KERNEL, bootstrap, firmware } = request;
  await writeRecord(dist, { arch, kernel, bootstrap, firmware, time: await sourceTime() });
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

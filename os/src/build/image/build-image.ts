import { copyFile, mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { workstationArch } from '../../workstation/arch.ts';
import { cacheKey } from '../../workstation/cache.ts';
import { fileSha256, sha256 } from '../../workstation/digest.ts';
import { lockOutput } from '../../workstation/folder-lock.ts';
import { type Arch, type Board, distDir, repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { buildWorkspaces } from '../../workstation/turbo.ts';
import { referenceOf } from '../formats/oci.ts';
import { makeSbom } from '../formats/sbom.ts';
import { fingerprints, type Tree } from '../formats/tree.ts';
import { makeUki, type UkiSection } from '../formats/uki.ts';
import { boardCommandLine, commandLine } from '../kernel/command-line.ts';
import { DEFAULT_KERNEL, type KernelName } from '../kernel/kernel-name.ts';
import { type Kernel, openKernel } from '../kernel/open-kernel.ts';
import type { BootstrapChoice } from '../manifests/bootstrap-choice.ts';
import { readCheckedManifests } from '../manifests/check-folder.ts';
import type { ManifestFile } from '../manifests/read.ts';
import { stampManifests } from '../manifests/stamp.ts';
import { preload } from '../preload/preload.ts';
import { type MeasuredBuild, measureBuild } from '../secure-boot/measured-build.ts';
import type { MeasurementKey } from '../secure-boot/measurement-key.ts';
import {
  type SecureBoot,
  secureBootInputs,
  signedProgram,
  writeEfi,
} from '../secure-boot/signed-medium.ts';
import { isOnlyPublished } from '../shipped.ts';
import type { FirmwareName } from '../sources/debian/firmware-names.ts';
import { openToolroot, type Toolroot } from '../sources/debian/toolroot.ts';
import { buildUpstream } from '../sources/upstream/build.ts';
import { cniPlugins, NODE_PROGRAMS } from '../sources/upstream/components.ts';
import { ensureGo } from '../sources/upstream/go-toolchain.ts';
import { buildPause } from '../sources/upstream/pause.ts';
import { makeStore, type PreloadedImage } from '../store/store.ts';
import { KIOS } from '../versions.ts';
import { artefactsIn, type BuiltImage, makeUnlessMade, replace } from './artefacts.ts';
import { writeBoardParts } from './board-parts.ts';
import { makeDataImage, makeDisk } from './disk.ts';
import { efiMediumFiles } from './efi-medium.ts';
import { makeErofs } from './erofs.ts';
import { espFilesDigest } from './esp.ts';
import type { Microcode } from './firmware.ts';
import { buildGuard } from './guard.ts';
import { makeImages } from './images.ts';
import { makeInitramfs } from './initramfs.ts';
import { MODULES_SECTION, type ModulesImage, withFirmware } from './modules-image.ts';
import { clearLayout } from './oci-layout.ts';
import { type OciRuntime, replaceRunc } from './oci-runtime.ts';
import { otherBootstrap } from './other-bootstrap.ts';
import { PREFETCH_LIST, prefetchList, profiled, readProfile } from './profile.ts';
import { assertPrograms } from './programs.ts';
import { removeRecord, writeRecord, writeSboms } from './record.ts';
import { makeEarlyRoot, makeRoot, rootFile } from './root.ts';
import { certificates, fetchParts } from './runtime.ts';
import { ownCode, sourceTime } from './source-state.ts';
import { readLoader, readStub } from './stub.ts';

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
  /** A user's images: references, and paths of OCI archives and layouts. Default: none. */
  readonly images?: readonly string[];
  /** Makes an image whose boots `kios profile` records. Default: false. */
  readonly forProfile?: boolean;
  /** Default: runc. */
  readonly ociRuntime?: OciRuntime;
  /** Folder of the artefacts. Default: `dist/<arch>/`. */
  readonly out?: string;
  /** The board whose kernel it is. */
  readonly board?: Board;
  /** Signs what firmware starts. Default: nothing is signed. */
  readonly secureBoot?: SecureBoot;
  /** Signs what a TPM measures of the EFI file. Default: it has no such signature. */
  readonly measurementKey?: MeasurementKey;
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

export interface Base {
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
  readonly preloaded: readonly PreloadedImage[];
  readonly forProfile: boolean;
  readonly ociRuntime: OciRuntime;
}

/** What a page fault reads around it of the root. */
const READ_AHEAD_KIB = {
  /** One cluster of a program, decompressed once. */
  withoutProfile: 64,
  /** What lies beside a touched part may be in a large cluster. */
  byProfile: 4,
  recorded: 0,
} as const;

async function buildRoot(base: Base): Promise<{ root: string; files: Tree }> {
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
  const shipped = images.filter(({ name }) => !isOnlyPublished(name));
  const references = new Map(shipped.map((image) => [image.name, referenceOf(image)]));
  const kios = { name: 'kios', version: KIOS, kind: 'kios' } as const;
  const store = makeStore(shipped, time, kios, base.preloaded);
  const files = await makeRoot({
    arch,
    time,
    kernel,
    programs,
    certificates: await certificates(parts),
    store,
    manifests: stampManifests(manifests, references, bootstrap),
    references,
    preloaded: base.preloaded.map(({ origin }) => origin.name),
    modulesSha256: modules.sha256,
    dataImage: await makeDataImage(dist, time, tools),
  });
  if (base.microcode !== undefined) files.graft('/', base.microcode.licences);
  await assertPrograms(files);
  if (base.ociRuntime === 'crun') await replaceRunc(files, arch, progress);
  const { forProfile } = base;
  const touched = forProfile ? [] : await profiled(files, await readProfile(arch), progress);
  const way = touched.length > 0 ? 'byProfile' : 'withoutProfile';
  const readAhead = READ_AHEAD_KIB[forProfile ? 'recorded' : way];
  files.text(PREFETCH_LIST, prefetchList(touched, readAhead), kios);
  const how = { time, tools, progress, touched, forProfile };
  return { files, root: await makeErofs({ tree: files, name: 'root.erofs', ...how }) };
}

async function assemble(
  base: Base,
  stub: Buffer,
  root: string,
  measurementKey: MeasurementKey | undefined,
): Promise<Buffer> {
  const { arch, kernel, init, modules, microcode } = base;
  const early = makeEarlyRoot(kernel, init);
  const initrd = await makeInitramfs(early, rootFile(root), microcode?.early);
  // No `.osrel` section: the stub would turn it into a second initrd and copy ours to append it, which does not fit
  // into 512 MiB.
  const sections: UkiSection[] = [
    { name: '.cmdline', content: Buffer.from(commandLine(arch)) },
    { name: '.uname', content: Buffer.from(kernel.version) },
    { name: '.initrd', content: initrd },
    { name: '.linux', content: await readFile(kernel.image) },
    { name: MODULES_SECTION, content: Buffer.from(modules.sha256) },
  ];
  return makeUki(stub, [...sections, ...(measurementKey?.sections(stub, sections) ?? [])]);
}

/** Writes the bills of materials of the node with its medium, and of modules.erofs. */
async function writeBoms(base: Base, files: Tree, boot: Tree, out: BuiltImage): Promise<void> {
  const { microcode, time } = base;
  const trees = [files, ...(microcode === undefined ? [] : [microcode.early]), boot];
  await replace(out.sbom, await makeSbom(`kios-${KIOS}`, trees, time));
  await replace(out.modulesSbom, await sbomOfModules(base));
}

export const sbomOfModules = ({ kernel, modules, time }: Base): Promise<string> =>
  makeSbom(`kios-modules-${kernel.version}`, [modules.tree], time);

/** What an image is put together from, for any firmware. */
export interface Parts {
  readonly base: Base;
  readonly root: string;
  readonly files: Tree;
  /** Of which any change makes another image. */
  readonly inputs: readonly unknown[];
}

/** Builds the root and everything else that all images of an architecture share. */
export async function buildParts(dist: string, request: BuildRequest): Promise<Parts> {
  const { arch, progress, bootstrap, board } = request;
  // Checked first, so that a fault stops the build before anything is compiled.
  const manifests = await readCheckedManifests(progress, request.manifests);
  const time = await sourceTime();
  const preloaded = await preload({
    images: request.images ?? [],
    arch,
    scratch: path.join(dist, 'preload'),
    progress,
  });
  const tools = await openToolroot(progress);
  const name = request.kernel ?? DEFAULT_KERNEL;
  const kernel = await openKernel(name, arch, tools, progress, board);
  await buildOwn(progress);
  const init = path.join(repository, 'init/dist', arch, 'init');
  const names = request.firmware ?? [];
  const extra = await withFirmware({ arch, kernel, names, tools, progress });
  const common = { arch, dist, time, tools, kernel, init, progress, manifests, bootstrap };
  const base: Base = {
    ...common,
    ...extra,
    preloaded,
    forProfile: request.forProfile ?? false,
    ociRuntime: request.ociRuntime ?? 'runc',
  };
  const { root, files } = await buildRoot(base);
  const inputs = [
    root,
    await ownCode(),
    kernel.origin,
    await fileSha256(kernel.image),
    time,
    await fileSha256(init),
    await espFilesDigest(),
  ];
  return { base, root, files, inputs };
}

async function makeArtefacts(dist: string, request: BuildRequest): Promise<BuiltImage> {
  const { arch, progress, secureBoot, measurementKey } = request;
  const out = artefactsIn(dist);
  const { base, root, files, inputs } = await buildParts(dist, request);
  const { time, tools, modules, microcode, kernel } = base;
  const stub = await readStub(arch, progress);
  const loader = await readLoader(arch, progress);
  const guard = await buildGuard(arch, progress);
  const key = cacheKey(
    ...inputs,
    [stub, loader, guard].map(({ bytes }) => sha256(bytes)),
    commandLine(arch),
    boardCommandLine('rpi4'),
    microcode === undefined ? [] : [...(await fingerprints(microcode.early)).values()],
    ...secureBootInputs(secureBoot),
    ...(measurementKey === undefined ? [] : [measurementKey.fingerprint]),
  );
  await makeUnlessMade(dist, key, Object.values<string>({ ...out }), async () => {
    await progress.task('kios.efi', async () =>
      writeEfi(out.efi, await assemble(base, stub.bytes, root, measurementKey), secureBoot),
    );
    const boot = efiMediumFiles({
      arch,
      efi: out.efi,
      version: KIOS,
      guard: await signedProgram(guard, dist, secureBoot),
      loader: await signedProgram(loader, dist, secureBoot),
      enrolment: secureBoot?.enrolment,
    });
    await progress.task('kios.img', () => makeDisk({ out: out.image, boot, time, tools }));
    await writeBoardParts(kernel, dist);
    await copyFile(root, out.root);
    await copyFile(modules.file, out.modules);
    await progress.task('bills of materials', () => writeBoms(base, files, boot, out));
  });
  return out;
}

async function measuredOf(
  dist: string,
  { arch, measurementKey, progress }: BuildRequest,
): Promise<MeasuredBuild | undefined> {
  if (measurementKey === undefined) return undefined;
  return measureBuild(artefactsIn(dist).efi, arch, measurementKey, progress);
}

/**
 * Runs a build in its output folder, where only one works at a time, and records what it was made from.
 */
export async function buildIn<T>(
  dist: string,
  request: BuildRequest,
  build: () => Promise<T>,
): Promise<T> {
  await mkdir(dist, { recursive: true });
  const held = await lockOutput(dist, request.progress);
  try {
    const built = await build();
    const { arch, kernel = DEFAULT_KERNEL, bootstrap, firmware, images, secureBoot } = request;
    const time = await sourceTime();
    const certificate = secureBoot?.signer.fingerprint;
    const measured = await measuredOf(dist, request);
    await writeRecord(dist, { arch, kernel, bootstrap, firmware, images, time, certificate, measured }); // prettier-ignore
    return built;
  } finally {
    held[Symbol.dispose]();
  }
}

/**
 * Builds the machine image from upstream sources and packages. Every slow step is in the content-keyed cache, so a
 * second run without changes takes seconds.
 */
export async function buildImage(request: BuildRequest): Promise<BuiltImage> {
  const dist = request.out ?? distDir(request.arch);
  return buildIn(dist, request, () => makeArtefacts(dist, request));
}

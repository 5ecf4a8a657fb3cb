import { mkdir, readdir, readFile, rename, cp, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { cached, cacheKey } from '../../workstation/cache.ts';
import { type Arch, type Board, repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import type { Origin } from '../formats/tree.ts';
import { dependencyOf, extract, fetchDebian } from '../sources/debian/archive.ts';
import type { Toolroot } from '../sources/debian/toolroot.ts';
import { type BoardFiles, buildKernel } from './build.ts';
import { type EarlyModules, planEarlyModules } from './early-modules.ts';
import { type AllModules, essentialModules } from './essential-modules.ts';
import { guardLayout } from './guard-layout.ts';
import type { KernelName } from './kernel-name.ts';
import { type ModuleIndex, parseModuleIndex } from './module-index.ts';
import { EXCLUDED, readOptional, shipsModule } from './module-set.ts';
import { withoutSignature } from './module-signature.ts';
import { planNetworkModules } from './network-modules.ts';
import { planRequests, readRequestable } from './requests.ts';

export interface Kernel {
  /** `uname -r`. */
  readonly version: string;
  /** The kernel as an EFI-bootable file. */
  readonly image: string;
  /** Folder with `kernel/…` and depmod's indexes; goes to /lib/modules/<version> of the root. */
  readonly modules: string;
  /** The same with the optional modules, for modules.erofs. */
  readonly allModules: string;
  readonly early: EarlyModules;
  /** Init's table of the modules that the kernel may ask for. */
  readonly requests: string;
  /** Init's table of the drivers of network cards. */
  readonly network: string;
  /** What init's guard has to know of a kernel that can attach programs to its functions: that of amd64. */
  readonly layout?: string | undefined;
  readonly origin: Origin;
  /** What boards without UEFI start, if it is a kernel for them. */
  readonly board?: BoardFiles | undefined;
}

const META = { amd64: 'linux-image-cloud-amd64', arm64: 'linux-image-cloud-arm64' } as const;

/** Unpacks the modules: EROFS compresses them anyway, and the kernel's own xz decoder is slow. */
async function unpackModules(
  from: string,
  into: string,
  version: string,
  tools: Toolroot,
): Promise<void> {
  const base = path.join(into, 'lib/modules');
  await mkdir(base, { recursive: true });
  await cp(path.join(from, 'usr/lib/modules', version), path.join(base, version), {
    recursive: true,
  });
  const files = await readdir(path.join(base, version), { recursive: true });
  const unwanted = files.filter((file) => file.endsWith('.ko.xz') && !shipsModule(file));
  for (const file of unwanted) await rm(path.join(base, version, file));
  const packed = files.filter((file) => file.endsWith('.ko.xz') && shipsModule(file));
  await tools.run('usr/bin/xz', ['-d', ...packed], { cwd: path.join(base, version) });
  for (const file of packed) {
    const module = path.join(base, version, file.replace(/\.xz$/, ''));
    await writeFile(module, withoutSignature(await readFile(module)));
  }
  await tools.run('usr/sbin/depmod', ['-b', into, version]);
  await rename(path.join(base, version), path.join(into, 'modules'));
  await rm(path.join(into, 'lib'), { recursive: true });
}

const readIndex = (modules: string, file: string): Promise<string> =>
  readFile(path.join(modules, `modules.${file}`), 'utf8');

/** The image's own settings of the module loader, which init's table of network cards goes by. */
const SETTINGS = path.join(repository, 'os/rootfs/etc/kios/modules/modprobe.d/zz-image.conf');

async function moduleIndex(modules: string): Promise<ModuleIndex> {
  const files = ['dep', 'builtin', 'alias', 'softdep'].map((file) => readIndex(modules, file));
  const [dep, builtin, alias, softdep] = await Promise.all(files);
  const settings = await readFile(SETTINGS, 'utf8');
  return parseModuleIndex(dep!, builtin!, alias!, `${softdep}${settings}`);
}

/** Also of the modules in modules.erofs: where the machine has it, it covers the folder of the root's. */
async function laterTables(modules: string): Promise<Pick<Kernel, 'requests' | 'network'>> {
  const index = await moduleIndex(modules);
  const devname = await readIndex(modules, 'devname');
  return {
    requests: planRequests(await readRequestable(), index, devname),
    network: planNetworkModules(index),
  };
}

/** Divides the modules of a kernel into those of the root and those of modules.erofs. */
async function divided(
  all: AllModules,
): Promise<Pick<Kernel, 'modules' | 'allModules' | 'early' | 'requests' | 'network'>> {
  const modules = await essentialModules(all, await readOptional());
  return {
    modules,
    allModules: all.folder,
    early: planEarlyModules(await moduleIndex(modules)),
    ...(await laterTables(all.folder)),
  };
}

/** On arm64 the kernel has no trampoline for programs as long as it checks the targets of calls. */
const layoutFor = async (
  arch: Arch,
  image: string,
  version: string,
): Promise<Pick<Kernel, 'layout'>> =>
  arch === 'amd64' ? { layout: guardLayout(await readFile(image), version) } : {};

/** Debian's kernel for clouds has no drivers of boards. */
const BOARD_META = 'linux-image-arm64';

/** Fetches the release's cloud kernel of Debian, or that for boards. */
async function debianKernel(
  arch: Arch,
  tools: Toolroot,
  progress: Progress,
  board?: Board,
): Promise<Kernel> {
  const meta = board === undefined ? META[arch] : BOARD_META;
  const name = await dependencyOf(arch, meta, /linux-image-\d/, progress);
  const debs = await fetchDebian({ arch, packages: [name], progress });
  const deb = debs[0]!;
  const version = name.replace('linux-image-', '');
  const root = await extract(debs);
  const dir = await progress.task(`kernel ${version}: modules`, () =>
    cached('modules', cacheKey('plain, unsigned', deb.sha256, EXCLUDED), (into) =>
      unpackModules(root, into, version, tools),
    ),
  );
  const all = { folder: path.join(dir, 'modules'), version, tools, progress };
  const image = path.join(root, 'boot', `vmlinuz-${version}`);
  return {
    version,
    image,
    ...(await divided(all)),
    ...(await layoutFor(arch, image, version)),
    origin: { name: deb.name, version: deb.version, kind: 'deb', sha256: deb.sha256 },
    board:
      board === undefined
        ? undefined
        : {
            image,
            deviceTrees: path.join(root, 'usr/lib', name, 'broadcom'),
          },
  };
}

/** Builds our own kernel from Debian's source. */
async function kiosKernel(arch: Arch, tools: Toolroot, progress: Progress): Promise<Kernel> {
  const { version, image, modules, source, board } = await buildKernel(arch, tools, progress);
  const { name, version: sourceVersion, sha256 } = source;
  return {
    version,
    image,
    ...(await divided({ folder: modules, version, tools, progress })),
    ...(await layoutFor(arch, image, version)),
    origin: { name, version: sourceVersion, kind: 'deb', sha256 },
    board,
  };
}

/** Builds or fetches the kernel of this name, for a board if one is given. */
export const openKernel = (
  name: KernelName,
  arch: Arch,
  tools: Toolroot,
  progress: Progress,
  board?: Board,
): Promise<Kernel> =>
  name === 'kios' ? kiosKernel(arch, tools, progress) : debianKernel(arch, tools, progress, board);

import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';

import { cached, cacheKey } from '../../workstation/cache.ts';
import { sha256 } from '../../workstation/digest.ts';
import { lockOutput } from '../../workstation/folder-lock.ts';
import { type Arch, cacheDir, repository } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import type { Deb } from '../sources/debian/archive.ts';
import type { Toolroot } from '../sources/debian/toolroot.ts';
import { checkOptions, formatOptions, type Options, parseOptions } from './fragments.ts'; // prettier-ignore
import { signModule, toPem } from './module-signature.ts';
import { signModules } from './modules.ts';
import { type KernelSource, kernelSource } from './source.ts';
import { openToolchain, type Toolchain } from './toolchain.ts';

/** Files for boards whose own loader starts the kernel. */
export interface BoardFiles {
  /** The kernel as the loader jumps to it (Documentation/arch/arm64/booting.rst). */
  readonly image: string;
  /** Folder of the device trees, `<board>.dtb`. */
  readonly deviceTrees: string;
}

/** A kernel built from Debian's source with the fragments of `os/kernel`. */
export interface BuiltKernel {
  /** `uname -r`. */
  readonly version: string;
  /** The kernel as an EFI-bootable file. */
  readonly image: string;
  /** Folder with `kernel/…`, the modules signed, and depmod's indexes. */
  readonly modules: string;
  /** The finished configuration. */
  readonly config: string;
  /** What boards without UEFI start, on arm64. */
  readonly board: BoardFiles | undefined;
  readonly source: Deb;
}

const FRAGMENTS = path.join(repository, 'os/kernel');
/** Each architecture's name in the kernel, its make target and the file that the target makes. */
const ARCHITECTURES = {
  amd64: { name: 'x86_64', target: 'bzImage', image: 'arch/x86/boot/bzImage' },
  arm64: { name: 'arm64', target: 'vmlinuz.efi', image: 'arch/arm64/boot/vmlinuz.efi' },
} as const;
/** The device trees of boards without UEFI. */
const DEVICE_TREES = ['bcm2711-rpi-4-b', 'bcm2711-rpi-400', 'bcm2711-rpi-cm4-io'];
const BOARD_IMAGE = 'Image';
const BOARD_TREES = 'dtb';
/** Increased with every change to the recipe below that changes its result. */
const RECIPE = 6;
/** The file that CONFIG_SYSTEM_TRUSTED_KEYS names. */
const CERTIFICATES = 'module-certificates.pem';

/** Reads the fragments for an architecture, without those named after another one. */
export async function readFragments(arch: Arch): Promise<Options> {
  const { name } = ARCHITECTURES[arch];
  const others = Object.values(ARCHITECTURES).filter((other) => other.name !== name);
  const files = (await readdir(FRAGMENTS)).filter((file) => file.endsWith('.config')).toSorted();
  const mine = files.filter((file) => !others.some((other) => file.endsWith(`${other.name}.config`))); // prettier-ignore
  const texts = mine.map(async (file) => [file, await readFile(path.join(FRAGMENTS, file), 'utf8')] as const); // prettier-ignore
  return parseOptions(new Map(await Promise.all(texts)));
}

interface Recipe {
  readonly arch: Arch;
  readonly options: Options;
  readonly source: KernelSource;
  readonly toolchain: Toolchain;
  readonly tools: Toolroot;
  /** Folder of the objects. It is kept, so that a changed option recompiles only what depends on it. */
  readonly objects: string;
  readonly politeness: readonly string[];
}

/** CPU priority of a build: `nice` shares the processors, `idle` runs only when nothing else does. */
const POLITENESS = { nice: ['nice', '-n', '10'], idle: ['chrt', '--idle', '0'] } as const;

/** Runs `make` so that its output has no trace of the workstation. */
async function make(
  recipe: Recipe,
  targets: readonly string[],
  note: (line: string) => void,
  env: Record<string, string> = {},
): Promise<void> {
  // prettier-ignore
  const { arch, source, toolchain, tools, objects } = recipe;
  // Paths enter debug information and through it the build id.
  const maps = `-ffile-prefix-map=${objects}=/build -ffile-prefix-map=${source.dir}=/source`;
  // `-w`: warnings cost a seventh of the build and concern upstream. `-g0` for modules: only the kernel itself keeps
  // its types.
  const fixed = [`O=${objects}`, `ARCH=${ARCHITECTURES[arch].name}`, `KCFLAGS=${maps} -w`, `KAFLAGS=${maps}`, 'CFLAGS_MODULE=-g0',
    // User programs are not built. Whether they could be depends on the workstation's headers and would show in
    // /proc/config.gz.
    'USERCFLAGS=-nostdinc',
    `ZSTD=${tools.command('usr/bin/zstd').join(' ')}`]; // prettier-ignore
  const jobs = `-j${availableParallelism()}`;
  const [program = '', ...words] = recipe.politeness;
  const command = [...words, 'make', '-C', source.dir, jobs, ...fixed, ...toolchain.variables, ...targets]; // prettier-ignore
  await run(program, command, {
    onLine: note,
    env: {
      ...toolchain.env,
      LC_ALL: 'C',
      TZ: 'UTC',
      KBUILD_BUILD_TIMESTAMP: '1970-01-01',
      KBUILD_BUILD_USER: 'kios',
      KBUILD_BUILD_HOST: 'kios',
      KBUILD_BUILD_VERSION: '1',
      ...env,
    },
  });
}

/** Configures exactly what the fragments name, and fails when an option gets another value. Everything else is off. */
async function configure(recipe: Recipe, note: (line: string) => void): Promise<void> {
  const wanted = path.join(recipe.objects, 'wanted.config');
  await writeFile(wanted, formatOptions(recipe.options));
  await make(recipe, ['allnoconfig'], note, { KCONFIG_ALLCONFIG: wanted });
  const config = await readFile(path.join(recipe.objects, '.config'), 'utf8');
  checkOptions(recipe.options, parseOptions(new Map([['.config', config]])));
}

/** Writes the file only when its content changes, so that `make` does not rebuild what depends on it. */
async function update(file: string, content: string): Promise<void> {
  const before = await readFile(file, 'utf8').catch(() => undefined);
  if (before !== content) await writeFile(file, content);
}

/**
 * Derives the RANDSTRUCT seed from the source; the makefiles would pick a random one. Equal sources must give equal
 * kernels.
 */
async function fixLayout(recipe: Recipe, note: (line: string) => void): Promise<void> {
  const seed = sha256(`kiOS ${recipe.source.deb.sha256}`);
  const generated = path.join(recipe.objects, 'include/generated');
  await make(recipe, ['scripts_basic'], note);
  await mkdir(generated, { recursive: true });
  await update(path.join(recipe.objects, 'scripts/basic/randstruct.seed'), `${seed}\n`);
  await update(path.join(generated, 'randstruct_hash.h'), `#define RANDSTRUCT_HASHED_SEED "${sha256(seed)}"\n`); // prettier-ignore
}

async function build(recipe: Recipe, into: string, note: (line: string) => void): Promise<void> {
  const { arch, objects } = recipe;
  const { target, image } = ARCHITECTURES[arch];
  await configure(recipe, note);
  await fixLayout(recipe, note);
  const certificates = path.join(objects, CERTIFICATES);
  const before = await readFile(certificates, 'utf8').catch(() => '');
  // The certificates are known only after the modules are built. Until then the kernel is linked with those of an
  // earlier build.
  if (before === '') await update(certificates, toPem([signModule('none', Buffer.alloc(0)).certificate])); // prettier-ignore
  await make(recipe, ['modules', 'vmlinux'], note);
  await update(certificates, toPem(await signModules({ ...recipe, into, note })));
  await make(recipe, [target], note);
  await copyFile(path.join(objects, image), path.join(into, 'vmlinuz'));
  await copyFile(path.join(objects, '.config'), path.join(into, 'config'));
  if (arch === 'arm64') await boardFiles(recipe, into, note);
}

/** Keeps the kernel before its wrapping for UEFI, and the device trees that belong to it. */
async function boardFiles(
  recipe: Recipe,
  into: string,
  note: (line: string) => void,
): Promise<void> {
  const boot = path.join(recipe.objects, 'arch/arm64/boot');
  const trees = DEVICE_TREES.map((name) => `broadcom/${name}.dtb`);
  await make(recipe, trees, note);
  await copyFile(path.join(boot, 'Image'), path.join(into, BOARD_IMAGE));
  await mkdir(path.join(into, BOARD_TREES));
  for (const tree of trees)
    await copyFile(path.join(boot, 'dts', tree), path.join(into, BOARD_TREES, path.basename(tree)));
}

/**
 * Builds the node's kernel for `arch` or takes it from the cache. A build from nothing takes two processors 25 minutes.
 */
export async function buildKernel(
  arch: Arch,
  tools: Toolroot,
  progress: Progress,
  priority: keyof typeof POLITENESS = 'nice',
): Promise<BuiltKernel> {
  const options = await readFragments(arch);
  const toolchain = await openToolchain(progress);
  const source = await kernelSource(tools, progress);
  const inputs = [arch, source.deb.sha256, toolchain.id] as const;
  const objects = path.join(cacheDir, 'kernel-objects', `${arch}-${cacheKey(...inputs.slice(1))}`);
  const dir = await cached('kernel', cacheKey(RECIPE, ...inputs, formatOptions(options)), (into) =>
    progress.task(`kernel ${source.deb.version} (${arch})`, async (note) => {
      await mkdir(objects, { recursive: true });
      using _ = await lockOutput(objects, progress);
      const politeness = POLITENESS[priority];
      await build({ arch, options, source, toolchain, tools, objects, politeness }, into, note);
    }),
  );
  const modules = path.join(dir, 'modules');
  const [version = ''] = await readdir(path.join(modules, 'lib/modules'));
  return {
    version,
    image: path.join(dir, 'vmlinuz'),
    modules: path.join(modules, 'lib/modules', version),
    config: path.join(dir, 'config'),
    board:
      arch === 'arm64'
        ? { image: path.join(dir, BOARD_IMAGE), deviceTrees: path.join(dir, BOARD_TREES) }
        : undefined,
    source: source.deb,
  };
}

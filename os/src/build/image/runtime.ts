import { existsSync } from 'node:fs';
import { copyFile, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { RUNTIME_ENV } from '@kios/bundle/runtime-env';
import { KiosError } from '@kios/errors';

import { cached, cacheKey } from '../../workstation/cache.ts';
import { fileSha256 } from '../../workstation/digest.ts';
import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';
import { type Origin, Tree } from '../formats/tree.ts';
import { extract, fetchDebian, type Deb } from '../sources/debian/archive.ts';
import { loader, triplet } from '../sources/debian/toolroot.ts';
import { npmPackage } from '../sources/npm.ts';
import { BUN, KIOS, NPM_PACKAGES, type NpmPackage } from '../versions.ts';
import { libraryClosure } from './library-closure.ts';
import { storedFile } from './stored-files.ts';

/**
 * Packages whose files may enter the images of agents and chrony. Only the libraries that a program links against do.
 */
const PACKAGES = [
  'libc6', 'libgcc-s1', 'libstdc++6', 'ca-certificates', 'chrony', 'libcap2', 'libedit2', 'libseccomp2', 'libgnutls30t64', 'libnettle8t64',
  'libhogweed6t64', 'libgmp10', 'libidn2-0', 'libp11-kit0', 'libtasn1-6', 'libunistring5', 'libffi8',
]; // prettier-ignore

/** Path of an agent's program in its image. */
const AGENT = '/agent/agent.cjs';
/** Path of the FFI's native half; agents that use it have a link to it beside their program. */
const FFI = '/lib/koffi.node';

/** Folder of the native file in koffi's packages. */
const KOFFI_FOLDER = { amd64: 'linux_x64', arm64: 'linux_arm64' } as const;

const kios: Origin = { name: 'kios', version: KIOS, kind: 'kios' };
const npm = ({ name, version }: NpmPackage): Origin => ({ name, version, kind: 'npm' });

/** Unpacked packages of one architecture. */
export interface Packages {
  readonly arch: Arch;
  readonly packages: readonly { readonly deb: Deb; readonly root: string }[];
}

/** The parts that the images of one architecture are made from. */
export interface Parts extends Packages {
  readonly bun: string;
  readonly koffi: string;
}

/** Fetches the JavaScript runtime of the images. */
export const fetchBun = async (arch: Arch, progress: Progress): Promise<string> =>
  path.join(await npmPackage(NPM_PACKAGES.bun[arch], progress), 'bin/bun');

/** Fetches and unpacks packages, each into a folder of its own, so that a file's package is known. */
export async function fetchPackages(
  arch: Arch,
  names: readonly string[],
  progress: Progress,
): Promise<Packages> {
  const debs = await fetchDebian({ arch, packages: names, progress });
  return {
    arch,
    packages: await Promise.all(debs.map(async (deb) => ({ deb, root: await extract([deb]) }))),
  };
}

export async function fetchParts(arch: Arch, progress: Progress): Promise<Parts> {
  const koffi = await npmPackage(NPM_PACKAGES.koffi[arch], progress);
  return {
    ...(await fetchPackages(arch, PACKAGES, progress)),
    bun: await fetchBun(arch, progress),
    koffi: path.join(koffi, KOFFI_FOLDER[arch], 'koffi.node'),
  };
}

/** Finds a file and its package by the path inside the packages. */
export function locate(parts: Packages, file: string): { file: string; origin: Origin } {
  for (const { deb, root } of parts.packages) {
    const at = path.join(root, file);
    const { name, version, sha256 } = deb;
    if (existsSync(at)) return { file: at, origin: { name, version, kind: 'deb', sha256 } };
  }
  throw new KiosError(
    'KIOS_IMAGE_FILE',
    `find /${file}, which the image needs, in the packages that it is made of`,
  );
}

/** Adds the libraries that `programs` need and `below` lacks, at the paths that their loader searches. */
export async function addLibraries(
  tree: Tree,
  parts: Packages,
  programs: readonly string[],
  below?: Tree,
): Promise<void> {
  const folder = `usr/lib/${triplet(parts.arch)}`;
  for (const name of await libraryClosure(
    programs,
    (library) => locate(parts, `${folder}/${library}`).file,
  )) {
    const where = loader(parts.arch).endsWith(`/${name}`)
      ? loader(parts.arch)
      : `/${folder}/${name}`;
    if (below?.has(where) === true) continue;
    const { file, origin } = locate(parts, `${folder}/${name}`);
    tree.file(where, 0o755, storedFile(file), origin);
  }
}

/** Makes the lowest layer, shared by every image with a dynamic program: libc, an empty /tmp and names for uid 0. */
export async function baseLayer(parts: Parts): Promise<Tree> {
  const tree = new Tree().directory('/tmp', 0o1777).directory('/run').directory('/etc');
  tree.text(
    '/etc/passwd',
    'root:x:0:0:root:/:/sbin/nologin\n_chrony:x:0:0:chrony:/:/sbin/nologin\n',
    kios,
  );
  tree.text('/etc/group', 'root:x:0:\n_chrony:x:0:\n', kios);
  await addLibraries(tree, parts, [parts.bun, parts.koffi]);
  return tree;
}

/**
 * Makes the layer of the JavaScript runtime and its FFI, shared by all agents: one copy on disk and in the page cache.
 */
export function bunLayer({ arch, bun, koffi }: Parts): Tree {
  return new Tree()
    .file('/bin/bun', 0o755, storedFile(bun), npm(NPM_PACKAGES.bun[arch]))
    .file(FFI, 0o755, storedFile(koffi), npm(NPM_PACKAGES.koffi[arch]));
}

const CHRONYD = 'usr/sbin/chronyd';

/**
 * Makes chronyd's layer. Its resolv.conf is a link into a folder that the pod mounts: the copy that every sandbox gets
 * is from before the network was up. The runtime binds that copy over the link's target first, and the folder over it.
 */
export async function chronyLayer(parts: Parts, base: Tree): Promise<Tree> {
  const { file, origin } = locate(parts, CHRONYD);
  const tree = new Tree().directory('/var/lib/kios');
  tree.symlink('/etc/resolv.conf', '/run/kios/net/resolv.conf');
  tree.file(`/${CHRONYD}`, 0o755, storedFile(file), origin);
  await addLibraries(tree, parts, [file], base);
  return tree;
}

/** Returns what tells the agent beside chronyd how its configuration may look: upstream's version, without Debian's. */
export function chronyVersionEnv(parts: Parts): string[] {
  const { version } = locate(parts, CHRONYD).origin;
  return [`CHRONY_VERSION=${version.replace(/^\d+:/, '').replace(/-[^-]*$/, '')}`];
}

/** Joins the trusted roots of Debian's package into the one file that programs expect. */
export async function certificates(parts: Packages): Promise<{ bytes: Buffer; origin: Origin }> {
  const { file: folder, origin } = locate(parts, 'usr/share/ca-certificates/mozilla');
  const files = (await readdir(folder)).toSorted();
  const pems = await Promise.all(files.map((file) => readFile(path.join(folder, file), 'utf8')));
  return { bytes: Buffer.from(pems.map((pem) => `${pem.trim()}\n`).join('')), origin };
}

const COMPILE = [
  'build',
  '--bytecode',
  '--target=bun',
  '--format=cjs',
  '--external=*.node',
  '--external=*.cjs',
  // The text stays in memory beside the bytecode, so it is minified. Names are kept for stack traces.
  '--minify-whitespace',
  '--minify-syntax',
  '--entry-naming=[name].cjs',
  '--outdir=out',
];

/** Files that most nodes never load, whose bytecode would be three times as large as their text. */
const COLD: readonly string[] = ['kios-network-config.cjs'];

/**
 * Adds bytecode to the files of a bundle, so that the runtime does not parse JavaScript at each start. Bytecode is
 * valid for one version of the runtime and made by the workstation's copy of it.
 */
async function compile(folder: string, workstationBun: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.cjs')).toSorted();
  const digests = await Promise.all(names.map((name) => fileSha256(path.join(folder, name))));
  const copy = (name: string, to: string): Promise<void> =>
    copyFile(path.join(folder, name), path.join(to, name));
  return cached('bytecode', cacheKey(names, digests, BUN, COMPILE, COLD), async (into) => {
    const compiled = names.filter((name) => !COLD.includes(name));
    for (const name of compiled) await copy(name, into);
    // Relative names, because the bundler writes them into its output.
    await run(workstationBun, [...COMPILE, ...compiled], { cwd: into });
    for (const name of names) if (COLD.includes(name)) await copy(name, path.join(into, 'out'));
  });
}

/** Makes an agent's own layer: its program, the files that it loads on demand, and the bytecode of both. */
export async function agentLayer(bundle: string, workstationBun: string): Promise<Tree> {
  const folder = path.dirname(bundle);
  const name = path.basename(path.dirname(folder));
  const dir = path.join(await compile(folder, workstationBun), 'out');
  const origin: Origin = { name: `@kios/${name}`, version: KIOS, kind: 'kios' };
  const tree = new Tree();
  for (const file of (await readdir(dir)).toSorted())
    tree.file(`/agent/${file}`, 0o644, storedFile(path.join(dir, file)), origin);
  const usesFfi = (await readdir(folder)).includes('koffi.node');
  return usesFfi ? tree.symlink('/agent/koffi.node', `..${FFI}`) : tree;
}

export const AGENT_ENTRYPOINT = ['/bin/bun', '--no-install', AGENT];
export const AGENT_ENV = [
  'PATH=/bin',
  'HOME=/',
  ...Object.entries(RUNTIME_ENV).map(([name, value]) => `${name}=${value}`),
];

import {
  chmod,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { fetchDebian, SUITE, suiteSources } from '../build/sources/debian/archive.ts';
import { openToolroot, type Toolroot } from '../build/sources/debian/toolroot.ts';
import { STORE } from '../build/store/store.ts';
import { issueAuthority } from '../lab/controlplane/certificates.ts';
import { cached, cacheKey } from '../workstation/cache.ts';
import { fileSha256 } from '../workstation/digest.ts';
import { pathsBelow } from '../workstation/paths-below.ts';
import { repository } from '../workstation/paths.ts';
import type { Progress } from '../workstation/progress.ts';
import { run } from '../workstation/run.ts';

/*
 * The base line that kiOS is compared with: a minimal Debian whose systemd starts the same containerd and kubelet, with
 * the same configuration, store and pod, taken from a built kiOS root.
 */

/** Packages that minimal Debian lacks to boot. */
const PACKAGES = ['systemd', 'systemd-sysv', 'linux-image-cloud-amd64'];
/** Units and files of /etc that are kept in the repository. */
const FILES = path.join(repository, 'bench/baseline/root');
const CONTAINERD = 'var/lib/containerd';
const IMAGE_SIZE = '2G';

/** Folder of its static pods. */
export const BASELINE_PODS = '/etc/kubernetes/manifests';

/** Paths of the base line's files; `root` is an ext4 file system. */
export interface Baseline {
  readonly kernel: string;
  readonly initrd: string;
  readonly root: string;
}

/** Prefix of a command that makes files of root: empty for root, else a user namespace. */
const asRoot: readonly string[] =
  process.getuid?.() === 0 ? [] : ['unshare', '--map-root-user', '--map-auto', '--'];

/** Installs Debian into a tar archive and returns its path; does so again only when Debian's packages change. */
async function makeDebian(progress: Progress): Promise<string> {
  const debs = await fetchDebian({ arch: 'amd64', packages: PACKAGES, progress });
  const sources = await suiteSources();
  const key = cacheKey(SUITE, debs.map(({ sha256 }) => sha256)); // prettier-ignore
  const dir = await cached('debian', key, (into) =>
    progress.task(`Debian ${SUITE}, minimal, with systemd`, async (note) => {
      const out = path.join(into, 'root.tar');
      const mode = asRoot.length === 0 ? 'root' : 'unshare';
      const include = PACKAGES.join(',');
      const options = [`--mode=${mode}`, '--variant=minbase', `--include=${include}`];
      await run('mmdebstrap', [...options, SUITE, out, ...sources], { onLine: note });
    }),
  );
  return path.join(dir, 'root.tar');
}

/** Writes containerd's store as init does; docs/host-api.md section 5. */
async function writeStore(overlay: string): Promise<void> {
  const store = path.join(overlay, 'usr', STORE);
  const target = path.join(overlay, CONTAINERD);
  for (const file of await readdir(store, { recursive: true })) {
    if (!/^[^/]+\/(metadata|meta)\.db$/.test(file)) continue;
    const copy = path.join(target, file);
    await mkdir(path.dirname(copy), { recursive: true });
    await copyFile(path.join(store, file), copy);
    await chmod(copy, 0o600);
  }
  const links = ['io.containerd.content.v1.content/blobs/sha256', 'io.containerd.snapshotter.v1.overlayfs/snapshots']; // prettier-ignore
  for (const folder of links) {
    await mkdir(path.join(target, folder), { recursive: true });
    for (const name of await readdir(path.join(store, folder)))
      await symlink(path.join(STORE, folder, name), path.join(target, folder, name));
  }
  await chmod(target, 0o700);
}

/**
 * Writes what is added to Debian's root: kiOS' programs, configuration, pod and store, and the units that start them.
 */
async function makeOverlay(kios: string, overlay: string): Promise<void> {
  const move = async (from: string, to: string): Promise<void> => {
    await mkdir(path.dirname(path.join(overlay, to)), { recursive: true });
    await rename(path.join(kios, from), path.join(overlay, to));
  };
  for (const name of ['containerd', 'containerd-shim-runc-v2', 'runc', 'kubelet'])
    await move(`bin/${name}`, `usr/bin/${name}`);
  for (const name of ['containerd', 'kubernetes', 'cni']) await move(`etc/${name}`, `etc/${name}`);
  for (const name of ['containerd.toml', 'kubelet.yaml'])
    await move(`lib/kios/${name}`, `usr/lib/kios/${name}`);
  await move('opt/cni', 'opt/cni');
  await move(STORE, path.join('usr', STORE));
  await writeStore(overlay);
  const { certificate, key } = await issueAuthority('kubelet');
  const pki = path.join(overlay, 'etc/kubernetes/pki');
  await writeFile(path.join(pki, 'kubelet.crt'), certificate);
  await writeFile(path.join(pki, 'kubelet.key'), key, { mode: 0o600 });
  await cp(FILES, overlay, { recursive: true, verbatimSymlinks: true });
}

/** Makes an ext4 file system of Debian with the overlay. It needs no device nodes, which the kernel provides. */
const COMPOSE = `set -e
debian=$1 overlay=$2 out=$3; shift 3
trap 'rm -rf "$out/files"' EXIT
mkdir "$out/files"
tar -C "$out/files" --numeric-owner --exclude='./dev/*' -xpf "$debian"
cp -r --preserve=mode "$overlay/." "$out/files"
cp "$out"/files/boot/vmlinuz-* "$out/kernel"
cp "$out"/files/boot/initrd.img-* "$out/initrd"
"$@" -q -t ext4 -L root -d "$out/files" "$out/root.ext4" ${IMAGE_SIZE}
chmod 644 "$out/initrd"
`;

async function compose(
  tools: Toolroot,
  debian: string,
  kiosRoot: string,
  into: string,
): Promise<void> {
  const scratch = await mkdtemp(path.join(tmpdir(), 'kios-baseline-'));
  try {
    const kios = path.join(scratch, 'kios');
    const overlay = path.join(scratch, 'overlay');
    await tools.run('usr/bin/fsck.erofs', [`--extract=${kios}`, '--no-preserve-owner', kiosRoot]);
    await makeOverlay(kios, overlay);
    const mke2fs = tools.command('usr/sbin/mke2fs');
    const shell = ['sh', '-c', COMPOSE, 'sh', debian, overlay, into, ...mke2fs];
    const [program = 'sh', ...args] = [...asRoot, ...shell];
    await run(program, args);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Returns digests of the base line's files in the repository, and the text of this file. */
async function ownFiles(): Promise<unknown> {
  const { files } = await pathsBelow(FILES);
  const digests = files.map(async (name) => [name, await fileSha256(path.join(FILES, name))]);
  return [await Promise.all(digests), await readFile(import.meta.filename, 'utf8')];
}

/** Builds the base line from the programs, configuration, store and pods of `kiosRoot`, a `root.erofs`. */
export async function buildBaseline(kiosRoot: string, progress: Progress): Promise<Baseline> {
  const tools = await openToolroot(progress);
  const debian = await makeDebian(progress);
  const key = cacheKey(tools.id, debian, await fileSha256(kiosRoot), await ownFiles());
  const dir = await cached('baseline', key, (into) =>
    progress.task('base line: Debian with containerd and kubelet', () =>
      compose(tools, debian, kiosRoot, into),
    ),
  );
  const at = (name: string): string => path.join(dir, name);
  return { kernel: at('kernel'), initrd: at('initrd'), root: at('root.ext4') };
}

/**
 * `idle=poll`: an idle guest's clock would otherwise jump to its next timer while the workstation reads the disk. A
 * read then costs the time the workstation takes, which is almost none, because the file is in its page cache.
 */
export const POLL = 'idle=poll';
const COMMAND_LINE = `root=/dev/vda rw console=ttyS0 quiet ${POLL}`;

/** Returns arguments of QEMU that boot a base line. Writes of the guest are discarded. */
export function bootBaseline({ kernel, initrd, root }: Baseline): string[] {
  const drive = `if=virtio,format=raw,snapshot=on,cache=unsafe,file=${root}`;
  return ['-kernel', kernel, '-initrd', initrd, '-append', COMMAND_LINE, '-drive', drive];
}

/** Returns arguments of QEMU that boot the base line of `kiosRoot`. */
export const baselineBoot = async (kiosRoot: string, progress: Progress): Promise<string[]> =>
  bootBaseline(await buildBaseline(kiosRoot, progress));

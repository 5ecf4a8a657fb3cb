import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { KiosError } from '@kios/errors';

import { type Arch, repository } from '../../workstation/paths.ts';
import { type Origin, Tree } from '../formats/tree.ts';
import type { Kernel } from '../kernel/open-kernel.ts';
import { nodeReference, type References } from '../manifests/stamp.ts';
import { writtenForms } from '../preload/name.ts';
import type { BuiltProgram } from '../sources/upstream/build.ts';
import { STORE } from '../store/store.ts';
import { KIOS } from '../versions.ts';
import { coordinatedTime } from './localtime.ts';
import { PERSISTENT } from './persistent.ts';
import { addFolder, storedFile } from './stored-files.ts';

export interface RootRequest {
  readonly arch: Arch;
  /** Seconds since the epoch. */
  readonly time: number;
  readonly kernel: Kernel;
  /** containerd, its shim, runc and kubelet, by name. */
  readonly programs: ReadonlyMap<string, BuiltProgram>;
  readonly certificates: { readonly bytes: Uint8Array; readonly origin: Origin };
  /** containerd's store, see `makeStore`. */
  readonly store: Tree;
  /** Static pods, file name → text. */
  readonly manifests: ReadonlyMap<string, string>;
  readonly references: References;
  /** Repositories of the user's images. */
  readonly preloaded: readonly string[];
  /** Of the modules.erofs that was made with this root. */
  readonly modulesSha256: string;
  /** The empty file system of a data partition, which init copies into an encrypted one. */
  readonly dataImage: Buffer;
}

const kios: Origin = { name: 'kios', version: KIOS, kind: 'kios' };

/** Mount points, and folders that pods expect: nobody can add one later, because the root is never writable. */
const FOLDERS = [
  '/dev',
  '/lib/firmware',
  '/proc',
  '/sys',
  '/run',
  '/tmp',
  '/lib/kios/data',
  ...PERSISTENT,
  '/boot',
  '/lib/systemd',
  '/lib/udev',
  '/media',
  '/usr/bin',
  '/usr/lib/systemd',
  '/usr/sbin',
  '/usr/src',
  '/etc/kios/dhcp',
  '/etc/kios/modules',
  '/etc/kios/time',
  '/etc/kubernetes/kubelet.conf.d',
  '/etc/kubernetes/pki',
  '/etc/cni/net.d',
  '/etc/containerd/certs.d',
  // Cilium's first container writes a file there and makes no folder. No program reads it.
  '/etc/sysctl.d',
  // Drivers of cloud volumes demand it and the one in /lib, empty or not.
  '/etc/udev',
];

function addPrograms(tree: Tree, request: RootRequest): void {
  // Stage 1 of init mounts its own file here.
  tree.text('/bin/init', '', kios);
  for (const [name, { path: file, version, module, sha256 }] of request.programs)
    tree.file(`/bin/${name}`, 0o755, storedFile(file), {
      name: module,
      version,
      kind: 'go',
      sha256,
    });
  // kubelet runs three of these by name and the kernel one, and init does their work.
  for (const name of ['journalctl', 'mount', 'umount', 'modprobe'])
    tree.symlink(`/bin/${name}`, 'init');
  // Ahead of the folder into which networks of clusters may put upstream's, which needs iptables or nft.
  tree.symlink('/lib/kios/cni/portmap', '/bin/init');
}

/** Path of the empty file system of a data partition. */
const DATA_IMAGE = '/lib/kios/data.image';

function addKernel(tree: Tree, { kernel, modulesSha256 }: RootRequest): Promise<void> {
  // The only one that init mounts over the folder below.
  tree.text('/lib/kios/modules.sha256', `${modulesSha256}\n`, kios);
  tree.text('/lib/kios/early-table', kernel.early.table, kernel.origin);
  tree.text('/lib/kios/module-requests', kernel.requests, kernel.origin);
  tree.text('/lib/kios/network-table', kernel.network, kernel.origin);
  if (kernel.layout !== undefined)
    tree.text('/lib/kios/kernel-layout.json', kernel.layout, kernel.origin);
  return addFolder(tree, `/lib/modules/${kernel.version}`, kernel.modules, kernel.origin);
}

const osRelease = (time: number): string =>
  `NAME=kiOS\nID=kios\nPRETTY_NAME="kiOS ${KIOS}"\nVERSION_ID=${KIOS}\nBUILD_ID=${time}\n`;

function addConfiguration(
  tree: Tree,
  { arch, time, kernel, certificates, manifests }: RootRequest,
): void {
  const release = {
    version: KIOS,
    buildTime: new Date(time * 1000).toISOString(),
    kernel: kernel.version,
    arch,
  };
  tree.text('/etc/kios/release.json', `${JSON.stringify(release)}\n`, kios);
  tree.text('/etc/os-release', osRelease(time), kios);
  tree.symlink('/usr/lib/os-release', '../../etc/os-release');
  tree.symlink('/usr/lib/modules', '../../lib/modules');
  tree.text('/etc/hosts', '127.0.0.1 localhost\n::1 localhost\n', kios);
  tree.text('/etc/passwd', 'root:x:0:0:root:/:/sbin/nologin\n', kios);
  tree.text('/etc/group', 'root:x:0:\n', kios);
  tree.file('/etc/localtime', 0o644, { bytes: coordinatedTime() }, kios);
  tree.text('/etc/timezone', 'Etc/UTC\n', kios);
  tree.symlink('/etc/resolv.conf', '/run/kios/net/resolv.conf');
  // One of the places where kubelet looks for credentials of registries. The bootstrap agent writes its target.
  tree.symlink('/.docker/config.json', '/etc/kubernetes/registry-credentials.json');
  tree.file(
    '/etc/ssl/certs/ca-certificates.crt',
    0o644,
    { bytes: certificates.bytes },
    certificates.origin,
  );
  // Amazon Linux and Red Hat have them there, and pods mount the file by that name.
  tree.symlink('/etc/ssl/certs/ca-bundle.crt', 'ca-certificates.crt');
  tree.symlink('/etc/pki/tls/certs/ca-bundle.crt', '../../../ssl/certs/ca-certificates.crt');
  for (const [name, text] of manifests) tree.text(`/etc/kubernetes/manifests/${name}`, text, kios);
}

const ROOTFS = path.join(repository, 'os/rootfs');
/** Path of containerd's configuration, which names the image of every pod's sandbox. */
const CONTAINERD = '/lib/kios/containerd.toml';

/** Returns containerd's configuration with the sandbox's image by its digest. */
export function stampSandbox(text: string, references: References): string {
  const line = /^sandbox = "(?<image>[^"]+)"$/m;
  const image = line.exec(text)?.groups?.['image'];
  if (image === undefined)
    throw new KiosError('KIOS_IMAGE_FILE', `find the image of the sandbox in ${CONTAINERD}`);
  return text.replace(line, `sandbox = "${nodeReference(image, references, CONTAINERD)}"`);
}

/** Path of kubelet's configuration, which names the images that need no credentials. */
const KUBELET = '/lib/kios/kubelet.yaml';

/**
 * Returns kubelet's configuration in which any pod may use the images of these repositories. For others kubelet asks a
 * registry who may, although the image is there.
 */
export function stampAllowlist(text: string, repositories: readonly string[]): string {
  const line = /^(?<key>preloadedImagesVerificationAllowlist: )\[(?<own>[^\]\n]+)\]$/m;
  const { key, own } = line.exec(text)?.groups ?? {};
  if (key === undefined || own === undefined)
    throw new KiosError('KIOS_IMAGE_FILE', `find the list of images in ${KUBELET}`);
  const names = new Set(repositories.flatMap(writtenForms));
  // In quotes, because YAML reads some names as something else than text.
  const all = [own, ...[...names].toSorted().map((name) => JSON.stringify(name))];
  return text.replace(line, `${key}[${all.join(', ')}]`);
}

/** Makes the node's root file system. */
export async function makeRoot(request: RootRequest): Promise<Tree> {
  const tree = new Tree();
  for (const folder of FOLDERS) tree.directory(folder);
  addPrograms(tree, request);
  await addKernel(tree, request);
  await addFolder(tree, '/', ROOTFS, kios);
  const containerd = await readFile(path.join(ROOTFS, CONTAINERD), 'utf8');
  tree.text(CONTAINERD, stampSandbox(containerd, request.references), kios);
  const kubelet = await readFile(path.join(ROOTFS, KUBELET), 'utf8');
  tree.text(KUBELET, stampAllowlist(kubelet, request.preloaded), kios);
  tree.file(DATA_IMAGE, 0o644, { bytes: request.dataImage }, kios);
  addConfiguration(tree, request);
  return tree.graft(STORE, request.store);
}

/** Makes the first archive of the initramfs: init's first stage and the modules it needs. */
export function makeEarlyRoot(kernel: Kernel, init: string): Tree {
  const tree = new Tree();
  for (const folder of ['/dev', '/proc', '/sys', '/root']) tree.directory(folder);
  tree.file('/init', 0o755, storedFile(init), kios);
  // The other rules are the root's: the first stage would parse a thousand aliases for nothing.
  const always = kernel.early.table.split('\n').filter((rule) => rule.startsWith('always '));
  if (always.length > 0) tree.text('/early/table', `${always.join('\n')}\n`, kernel.origin);
  for (const file of kernel.early.beforeRoot)
    tree.file(
      `/early/modules/${file}`,
      0o644,
      storedFile(path.join(kernel.modules, file)),
      kernel.origin,
    );
  return tree;
}

/** Makes the second archive of the initramfs: the root as one file. */
export const rootFile = (rootImage: string): Tree =>
  new Tree().file('/root.erofs', 0o644, storedFile(rootImage), kios);

import { readdir } from 'node:fs/promises';
import path from 'node:path';

import { type Origin, Tree } from '../../build/formats/tree.ts';
import { storedFile } from '../../build/image/stored-files.ts';
import { extract, fetchDebian } from '../../build/sources/debian/archive.ts';
import { loader, triplet } from '../../build/sources/debian/toolroot.ts';
import { KIOS } from '../../build/versions.ts';
import type { Arch } from '../../workstation/paths.ts';
import type { Progress } from '../../workstation/progress.ts';
import { run } from '../../workstation/run.ts';

export const OWN: Origin = { name: 'kios', version: KIOS, kind: 'kios' };

/** Programs of Debian, with the packages that have them and every library that they need. */
interface Programs {
  readonly packages: readonly string[];
  readonly files: readonly string[];
}

/** What stands for Alpine beside busybox: scripts in the tests call both. */
const SHELL: Programs = {
  packages: [
    'bash', 'curl', 'ca-certificates', 'libbrotli1', 'libc6', 'libcom-err2', 'libcurl4t64', 'libffi8', 'libgmp10',
    'libgnutls30t64', 'libgssapi-krb5-2', 'libhogweed6t64', 'libidn2-0', 'libk5crypto3', 'libkeyutils1', 'libkrb5-3', 'libkrb5support0',
    'libldap2', 'libnettle8t64', 'libnghttp2-14', 'libnghttp3-9', 'libngtcp2-16', 'libngtcp2-crypto-gnutls8', 'libp11-kit0', 'libpsl5t64',
    'librtmp1', 'libsasl2-2', 'libssh2-1t64', 'libssl3t64', 'libtasn1-6', 'libtinfo6', 'libunistring5', 'libzstd1', 'zlib1g',
  ],
  files: ['usr/bin/bash', 'usr/bin/curl'],
}; // prettier-ignore

/** The shell of the busybox image: Debian’s busybox drops variables whose name is none for a shell (`data-1`). */
const BASH: Programs = { packages: ['bash', 'libc6', 'libtinfo6'], files: ['usr/bin/bash'] };

/** The tools that upstream's agnhost has for tests of the network; busybox' own are not enough. */
const TOOLS: Programs = {
  packages: [
    'bind9-dnsutils', 'iperf', 'iproute2', 'libc-bin', 'netcat-openbsd', 'util-linux',
    'bind9-libs', 'libbpf1', 'libbsd0', 'libc6', 'libcap2', 'libcom-err2', 'libedit2', 'libelf1t64', 'libfstrm0', 'libgcc-s1',
    'libgssapi-krb5-2', 'libidn2-0', 'libjemalloc2', 'libjson-c5', 'libk5crypto3', 'libkeyutils1', 'libkrb5-3', 'libkrb5support0',
    'liblmdb0', 'liblzma5', 'libmaxminddb0', 'libmd0', 'libmnl0', 'libnghttp2-14', 'libpcre2-8-0', 'libprotobuf-c1', 'libselinux1',
    'libssl3t64', 'libstdc++6', 'libtinfo6', 'libtirpc3t64', 'libunistring5', 'liburcu8t64', 'libuv1t64', 'libxml2', 'libxtables12',
    'libzstd1', 'zlib1g',
  ],
  files: ['usr/bin/dig', 'usr/bin/getent', 'usr/bin/iperf', 'usr/bin/ipcs', 'usr/bin/nc.openbsd', 'usr/bin/ss'],
}; // prettier-ignore

/** Names that programs have besides their own. */
const ALIASES: Readonly<Record<string, string>> = { 'nc.openbsd': 'nc' };

const NGINX: Programs = {
  packages: ['nginx', 'libc6', 'libcrypt1', 'libpcre2-8-0', 'libssl3t64', 'libzstd1', 'zlib1g'],
  files: ['usr/sbin/nginx'],
};

const NFT: Programs = {
  packages: [
    'nftables', 'libbsd0', 'libc6', 'libedit2', 'libgmp10', 'libjansson4', 'libmd0', 'libmnl0', 'libnftables1', 'libnftnl11',
    'libtinfo6', 'libxtables12',
  ],
  files: ['usr/sbin/nft'],
}; // prettier-ignore

const TINYPROXY: Programs = { packages: ['tinyproxy-bin', 'libc6'], files: ['usr/bin/tinyproxy'] };

const PASSWD = `root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
`;
const GROUP = `root:x:0:
nogroup:x:65534:
`;

/** Lines of the tables of users and groups. */
interface Users {
  readonly passwd?: string;
  readonly group?: string;
}

/** Tests look for Alpine's name, as upstream's images are made of it. */
const OS_RELEASE = `ID=debian
PRETTY_NAME="Programs of Debian in place of Alpine Linux"
`;

/** Adds the tables of users, with these besides the usual ones. */
export const withUsers = (tree: Tree, { passwd = '', group = '' }: Users = {}): Tree =>
  tree.text('/etc/passwd', PASSWD + passwd, OWN).text('/etc/group', GROUP + group, OWN);

/** The files that a Linux image has in common. */
function skeleton(users?: Users): Tree {
  const tree = new Tree();
  for (const folder of ['/proc', '/sys', '/dev', '/etc', '/root', '/home', '/var/tmp', '/run', '/usr/local/bin'])
    tree.directory(folder); // prettier-ignore
  tree.directory('/tmp', 0o1777).text('/etc/os-release', OS_RELEASE, OWN);
  return withUsers(tree, users);
}

/** Trees to which the caller adds. */
export interface Bases {
  /** Debian's busybox with a link for each of its programs. */
  busybox(users?: Users): Tree;
  /** The same with bash as its shell. */
  shell(): Promise<Tree>;
  /** The same with curl, bash and tools of the network. */
  tools(): Promise<Tree>;
  /** Busybox and Debian's nginx, without a configuration. */
  nginx(): Promise<Tree>;
  /** Only Debian's nft. */
  nft(): Promise<Tree>;
  /** Only Debian's tinyproxy, without a configuration. */
  tinyproxy(): Promise<Tree>;
}

/** Adds programs to a tree, in `/usr/local/bin` where a tree may have others of the same name. */
async function addPrograms(
  tree: Tree,
  { packages, files }: Programs,
  arch: Arch,
  progress: Progress,
): Promise<Tree> {
  const root = await extract(await fetchDebian({ arch, packages, progress }));
  for (const file of files) {
    const name = path.basename(file);
    const place = `/usr/local/bin/${ALIASES[name] ?? name}`;
    tree.file(place, 0o755, storedFile(path.join(root, file)), OWN);
  }
  const libraries = `/usr/lib/${triplet(arch)}`;
  for (const entry of await readdir(path.join(root, libraries), { withFileTypes: true }))
    if (/\.so(?:\.|$)/.test(entry.name) && !entry.isDirectory())
      tree.file(`${libraries}/${entry.name}`, 0o755, storedFile(path.join(root, libraries, entry.name)), OWN); // prettier-ignore
  return tree.symlink(loader(arch), `${libraries}/${path.basename(loader(arch))}`);
}

async function openBusybox(arch: Arch, progress: Progress): Promise<Bases['busybox']> {
  const root = await extract(await fetchDebian({ arch, packages: ['busybox-static'], progress }));
  const program = path.join(root, 'usr/bin/busybox');
  const applets = (await run(program, ['--list'])).trim().split('\n');
  return (users) => {
    const tree = skeleton(users).file('/bin/busybox', 0o755, storedFile(program), OWN);
    for (const name of applets) if (name !== 'busybox') tree.symlink(`/bin/${name}`, 'busybox');
    // Alpine has both folders, and tests name programs in either.
    for (const name of applets) tree.symlink(`/usr/bin/${name}`, `/bin/${name}`);
    for (const name of ['sysctl', 'ip', 'ifconfig', 'route'])
      if (applets.includes(name)) tree.symlink(`/sbin/${name}`, '/bin/busybox');
    return tree;
  };
}

function withBash(tree: Tree): Tree {
  for (const place of ['/bin/bash', '/bin/sh', '/usr/bin/sh'])
    tree.symlink(place, '/usr/local/bin/bash');
  return tree;
}

export async function openBases(arch: Arch, progress: Progress): Promise<Bases> {
  const busybox = await openBusybox(arch, progress);
  const add = async (tree: Tree, programs: Programs) => addPrograms(tree, programs, arch, progress);
  return {
    busybox,
    shell: async () => withBash(await add(busybox(), BASH)),
    // Debian's busybox starts its own `nc` from its own shell, whatever PATH says.
    tools: async () =>
      withBash(await add(await add(busybox(), SHELL), TOOLS)).symlink(
        '/usr/bin/curl',
        '/usr/local/bin/curl',
      ),
    nginx: async () => add(busybox(), NGINX),
    nft: async () => add(skeleton(), NFT),
    tinyproxy: async () => add(skeleton(), TINYPROXY),
  };
}

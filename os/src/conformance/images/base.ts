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

/** What stands for Alpine: Debian's busybox, and curl and bash, which scripts in the tests call. */
const PACKAGES = [
  'busybox-static', 'bash', 'curl', 'ca-certificates', 'libbrotli1', 'libc6', 'libcom-err2', 'libcurl4t64', 'libffi8', 'libgmp10',
  'libgnutls30t64', 'libgssapi-krb5-2', 'libhogweed6t64', 'libidn2-0', 'libk5crypto3', 'libkeyutils1', 'libkrb5-3', 'libkrb5support0',
  'libldap2', 'libnettle8t64', 'libnghttp2-14', 'libnghttp3-9', 'libngtcp2-16', 'libngtcp2-crypto-gnutls8', 'libp11-kit0', 'libpsl5t64',
  'librtmp1', 'libsasl2-2', 'libssh2-1t64', 'libssl3t64', 'libtasn1-6', 'libtinfo6', 'libunistring5', 'libzstd1', 'zlib1g',
]; // prettier-ignore

const PASSWD = `root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534:nobody:/:/bin/false
`;
const GROUP = `root:x:0:
nogroup:x:65534:
`;

/** The files that a Linux image has in common. */
function skeleton({ passwd = '', group = '' }: { passwd?: string; group?: string } = {}): Tree {
  const tree = new Tree();
  for (const folder of ['/proc', '/sys', '/dev', '/etc', '/root', '/home', '/var/tmp', '/run', '/usr/local/bin'])
    tree.directory(folder); // prettier-ignore
  tree.directory('/tmp', 0o1777);
  tree.text('/etc/passwd', PASSWD + passwd, OWN);
  tree.text('/etc/group', GROUP + group, OWN);
  return tree;
}

/** Debian's busybox with a link for each of its programs. */
export interface Base {
  /** A tree with the shell and its programs, to which the caller adds. */
  busybox(users?: { readonly passwd?: string; readonly group?: string }): Tree;
  /** The same with curl and bash. */
  shell(users?: { readonly passwd?: string; readonly group?: string }): Promise<Tree>;
}

export async function openBase(arch: Arch, progress: Progress): Promise<Base> {
  const root = await extract(await fetchDebian({ arch, packages: PACKAGES, progress }));
  const program = path.join(root, 'usr/bin/busybox');
  const applets = (await run(program, ['--list'])).trim().split('\n');
  const busybox: Base['busybox'] = (users) => {
    const tree = skeleton(users).file('/bin/busybox', 0o755, storedFile(program), OWN);
    for (const name of applets) if (name !== 'busybox') tree.symlink(`/bin/${name}`, 'busybox');
    // Alpine has both folders, and tests name programs in either.
    for (const name of applets) tree.symlink(`/usr/bin/${name}`, `/bin/${name}`);
    for (const name of ['sysctl', 'ip', 'ifconfig', 'route'])
      if (applets.includes(name)) tree.symlink(`/sbin/${name}`, '/bin/busybox');
    return tree;
  };
  const libraries = `/usr/lib/${triplet(arch)}`;
  return {
    busybox,
    shell: async (users) => {
      const tree = busybox(users);
      for (const name of ['bash', 'curl'])
        tree.file(`/usr/bin/${name}`, 0o755, storedFile(path.join(root, 'usr/bin', name)), OWN);
      tree.symlink('/bin/bash', '/usr/bin/bash');
      for (const entry of await readdir(path.join(root, libraries), { withFileTypes: true }))
        if (/\.so(?:\.|$)/.test(entry.name) && !entry.isDirectory())
          tree.file(`${libraries}/${entry.name}`, 0o755, storedFile(path.join(root, libraries, entry.name)), OWN); // prettier-ignore
      return tree.symlink(loader(arch), `${libraries}/${path.basename(loader(arch))}`);
    },
  };
}

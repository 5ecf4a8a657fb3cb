import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { Tree } from '../../../src/build/formats/tree.ts';
import { libraryClosure } from '../../../src/build/image/library-closure.ts';
import { storedFile } from '../../../src/build/image/stored-files.ts';
import { extract, fetchDebian } from '../../../src/build/sources/debian/archive.ts';
import { LOADER, loader, triplet } from '../../../src/build/sources/debian/toolroot.ts';
import { openBases, OWN } from '../../../src/conformance/images/base.ts';
import type { Progress } from '../../../src/workstation/progress.ts';

/** Programs of servers and clients of storage, and their libraries. */
const PACKAGES = [
  'cifs-utils', 'ksmbd-tools', 'mount', 'netbase', 'nfs-common', 'nfs-kernel-server', 'nvme-cli', 'open-iscsi', 'rpcbind', 'xfsprogs',
  'libatomic1', 'libblkid1', 'libc6', 'libcap-ng0', 'libcap2', 'libcom-err2', 'libdevmapper1.02.1', 'libedit2', 'libevent-core-2.1-7t64',
  'libffi8', 'libgcc-s1', 'libglib2.0-0t64', 'libgssapi-krb5-2', 'libinih1', 'libisns0t64', 'libjson-c5', 'libk5crypto3', 'libkeyutils1',
  'libkmod2', 'libkrb5-3', 'libkrb5support0', 'liblzma5', 'libmount1', 'libnfsidmap1', 'libnl-3-200', 'libnl-genl-3-200', 'libnvme1t64',
  'libopeniscsiusr', 'libpcre2-8-0', 'libreadline8t64', 'libselinux1', 'libsmartcols1', 'libsqlite3-0', 'libssl3t64', 'libsystemd0',
  'libtalloc2', 'libtinfo6', 'libtirpc-common', 'libtirpc3t64', 'libudev1', 'liburcu8t64', 'libuuid1', 'libwrap0', 'libxml2', 'libzstd1',
  'libbsd0', 'libmd0', 'zlib1g',
]; // prettier-ignore

const FILES = ['etc/netconfig', 'etc/protocols', 'etc/services'];

/** The user that rpcbind becomes, and the one of SMB, who may write as root does. */
const USERS = {
  passwd: '_rpc:x:100:65534::/run/rpcbind:/bin/false\nvolumes:x:0:0::/:/bin/false\n',
};

/** Returns a tree with busybox and these programs of Debian. */
export async function programTree(names: readonly string[], progress: Progress): Promise<Tree> {
  const root = await extract(await fetchDebian({ arch: 'amd64', packages: PACKAGES, progress }));
  const tree = (await openBases('amd64', progress)).busybox(USERS);
  const libraries = `usr/lib/${triplet('amd64')}`;
  const add = (file: string, as = file): unknown =>
    tree.file(`/${as}`, 0o755, storedFile(path.join(root, file)), OWN);
  for (const name of names) add(name);
  const sources = names.map((name) => path.join(root, name));
  const needed = await libraryClosure(sources, (name) => path.join(root, libraries, name));
  for (const name of needed) add(`${libraries}/${name}`);
  tree.symlink(loader('amd64'), `/${libraries}/${LOADER.amd64}`);
  for (const file of FILES)
    tree.text(`/${file}`, await readFile(path.join(root, file), 'utf8'), OWN);
  return tree;
}

import { symlink } from 'node:fs/promises';
import path from 'node:path';

import { workstationArch } from '../../../workstation/arch.ts';
import { cached, cacheKey } from '../../../workstation/cache.ts';
import type { Progress } from '../../../workstation/progress.ts';
import { run } from '../../../workstation/run.ts';
import { extract, fetchDebian } from './archive.ts';

/**
 * DHCP servers that the agent is tested against, clients that it is compared with, and their libraries. They are of the
 * image's release, so that results do not depend on the workstation's.
 */
const PACKAGES = [
  'isc-dhcp-server', 'kea-dhcp4-server', 'kea-dhcp6-server', 'radvd', 'systemd', 'udhcpd',
  'dhcpcd-base', 'isc-dhcp-client', 'udhcpc',
  'base-files', 'busybox', 'dash', 'debianutils', 'iproute2', 'kea-common', 'libacl1', 'libaudit1',
  'libblkid1', 'libbpf1', 'libbsd0', 'libc6', 'libcap-ng0', 'libcap2', 'libcom-err2', 'libcrypt1', 'libdb5.3t64', 'libelf1t64', 'libgcc-s1', 'libgssapi-krb5-2', 'libk5crypto3', 'libkeyutils1', 'libkrb5-3',
  'libkrb5support0', 'libldap2', 'liblog4cplus-2.0.5t64', 'libmariadb3', 'libmd0', 'libmnl0', 'libmount1', 'libpam0g', 'libpcre2-8-0', 'libpq5', 'libsasl2-2',
  'libseccomp2', 'libselinux1', 'libssl3t64', 'libstdc++6', 'libsystemd-shared', 'libtirpc3t64', 'libudev1', 'libxtables12', 'libzstd1', 'zlib1g',
]; // prettier-ignore

/** Commands of the clients' scripts that busybox runs, so that they need no package. */
const APPLETS = [
  'cat', 'chmod', 'chown', 'cp', 'date', 'dirname', 'grep', 'hostname', 'logger', 'ls', 'mkdir', 'mv', 'readlink', 'rm', 'rmdir', 'sed',
  'sleep', 'sort', 'touch', 'tr', 'uname',
]; // prettier-ignore

/** Makes a root for chroot with these programs. Nothing is installed on the workstation and no service is started. */
export async function fetchDhcpPeers(progress: Progress): Promise<string> {
  const root = await extract(
    await fetchDebian({ arch: workstationArch(), packages: PACKAGES, progress }),
  );
  return cached('dhcp-peers', cacheKey(root, APPLETS), async (into) => {
    await run('cp', ['-a', `${root}/.`, into]);
    for (const name of APPLETS) await symlink('busybox', path.join(into, 'usr/bin', name));
  });
}

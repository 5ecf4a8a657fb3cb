import { cp, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { RunningProcess } from '@kios/testkit';

import { cpio } from '../../../src/build/formats/cpio.ts';
import { storedFile } from '../../../src/build/image/stored-files.ts';
import { dependencyOf, extract, fetchDebian } from '../../../src/build/sources/debian/archive.ts';
import { openToolroot } from '../../../src/build/sources/debian/toolroot.ts';
import { OWN } from '../../../src/conformance/images/base.ts';
import { openEmulator } from '../../../src/lab/qemu/emulator.ts';
import { splitFlags } from '../../../src/lab/qemu/flags.ts';
import { machineFlags } from '../../../src/lab/qemu/platform.ts';
import { freePort } from '../../../src/workstation/free-port.ts';
import type { Progress } from '../../../src/workstation/progress.ts';
import { programTree } from './programs.ts';

const START_MS = 180_000;
const READY = 'kios-volumes: ready';
const KSMBD_TOOLS = 'usr/libexec/ksmbd.tools';
const PROGRAMS = [
  KSMBD_TOOLS,
  'usr/sbin/exportfs',
  'usr/sbin/rpc.mountd',
  'usr/sbin/rpc.nfsd',
  'usr/sbin/rpcbind',
];

/** Folders of Debian's modules that hold what serves, and what that needs. */
const MODULES = ['arch', 'block', 'crypto', 'drivers', 'fs', 'lib', 'net'];

/** Where each service listens in the server. */
const PORTS = { nfs: 2049, mountd: 20_048, smb: 445, iscsi: 3260, nvme: 4420 } as const;

export const SHARE = '/srv/share';
export const USER = { name: 'volumes', password: 'correct-horse' } as const;
export const IQN = 'iqn.2026-11.dev.kios:volumes';
export const NQN = 'nqn.2014-08.dev.kios:volumes';
const DISK_BYTES = 320 << 20;

const KSMBD = `[global]
server min protocol = SMB3_11
smb3 encryption = mandatory
[share]
path = ${SHARE}
read only = no
`;

/** Its newest version is 4.1, as that of many servers: clients have to find that out. */
const NFSD = 'rpc.nfsd -G 10 -N 4.2 2';

/** The guest's ports come from the workstation, which takes high ones. */
const EXPORTS = `${SHARE} *(rw,no_root_squash,insecure,no_subtree_check,fsid=0)\n`;

/**
 * One folder is served by NFS 3, NFS 4 and SMB 3, and one disk by iSCSI and NVMe over TCP, all by Debian's kernel: what
 * one client writes another one reads.
 */
const INIT = `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
set -ex
mkdir -p /srv
mount -t proc proc /proc
echo /bin/modprobe > /proc/sys/kernel/modprobe
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /srv
mkdir -p ${SHARE} /run/rpcbind /var/lib/nfs /etc/ksmbd
for module in virtio_net nfsd ksmbd target_core_file iscsi_target_mod nvmet_tcp configfs; do modprobe $module; done
mount -t configfs configfs /sys/kernel/config
mount -t nfsd nfsd /proc/fs/nfsd
ip link set lo up
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
chmod 777 ${SHARE}
truncate -s ${DISK_BYTES} /srv/disk
rpcbind
touch /var/lib/nfs/etab /var/lib/nfs/rmtab
exportfs -ra
rpc.mountd -p ${PORTS.mountd}
${NFSD}
ksmbd.adduser -a -p ${USER.password} ${USER.name}
ksmbd.mountd
target=/sys/kernel/config/target
mkdir -p $target/core/fileio_0/disk
echo fd_dev_name=/srv/disk,fd_dev_size=${DISK_BYTES},fd_buffered_io=1 > $target/core/fileio_0/disk/control
echo 1 > $target/core/fileio_0/disk/enable
mkdir $target/iscsi
mkdir $target/iscsi/${IQN}
group=$target/iscsi/${IQN}/tpgt_1
mkdir $group
mkdir $group/np/0.0.0.0:${PORTS.iscsi} $group/lun/lun_0
ln -s $target/core/fileio_0/disk $group/lun/lun_0/disk
for on in generate_node_acls cache_dynamic_acls; do echo 1 > $group/attrib/$on; done
for off in authentication demo_mode_write_protect; do echo 0 > $group/attrib/$off; done
echo 1 > $group/enable
nvmet=/sys/kernel/config/nvmet
mkdir $nvmet/subsystems/${NQN}
echo 1 > $nvmet/subsystems/${NQN}/attr_allow_any_host
space=$nvmet/subsystems/${NQN}/namespaces/1
mkdir $space
echo -n /srv/disk > $space/device_path
echo 1 > $space/buffered_io
echo 1 > $space/enable
port=$nvmet/ports/1
mkdir $port
echo tcp > $port/addr_trtype
echo ipv4 > $port/addr_adrfam
echo 0.0.0.0 > $port/addr_traddr
echo ${PORTS.nvme} > $port/addr_trsvcid
ln -s $nvmet/subsystems/${NQN} $port/subsystems/${NQN}
echo ${READY}
while :; do sleep 3600; done
`;

/** Returns the folder of Debian's kernel with the modules that serve, indexed for modprobe. */
async function kernelIn(dir: string, progress: Progress): Promise<string> {
  const meta = 'linux-image-cloud-amd64';
  const name = await dependencyOf('amd64', meta, /linux-image-\d/, progress);
  const kernel = await extract(await fetchDebian({ arch: 'amd64', packages: [name], progress }));
  const [version = ''] = await readdir(path.join(kernel, 'usr/lib/modules'));
  const from = path.join(kernel, 'usr/lib/modules', version);
  const into = path.join(dir, 'lib/modules', version);
  for (const folder of MODULES)
    await cp(path.join(from, 'kernel', folder), path.join(into, 'kernel', folder), {
      recursive: true,
    });
  for (const file of ['modules.builtin', 'modules.builtin.modinfo', 'modules.order'])
    await cp(path.join(from, file), path.join(into, file));
  await (await openToolroot(progress)).run('usr/sbin/depmod', ['-b', dir, version]);
  return path.join(kernel, 'boot', `vmlinuz-${version}`);
}

async function initramfs(dir: string, progress: Progress): Promise<string> {
  const tree = await programTree(PROGRAMS, progress);
  for (const name of ['ksmbd.adduser', 'ksmbd.mountd'])
    tree.symlink(`/usr/sbin/${name}`, `/${KSMBD_TOOLS}`);
  tree.text('/etc/ksmbd/ksmbd.conf', KSMBD, OWN);
  tree.text('/etc/exports', EXPORTS, OWN);
  tree.file('/init', 0o755, { bytes: Buffer.from(INIT) }, OWN);
  for (const entry of await readdir(path.join(dir, 'lib'), {
    recursive: true,
    withFileTypes: true,
  })) {
    const file = path.join(entry.parentPath, entry.name);
    if (entry.isFile()) tree.file(file.slice(dir.length), 0o644, storedFile(file), OWN);
  }
  const file = path.join(dir, 'initramfs');
  await writeFile(file, await cpio(tree, [{ name: '/dev/console', major: 5, minor: 1 }]));
  return file;
}

type Ports = Readonly<Record<keyof typeof PORTS, number>>;

/** A guest with Debian's kernel that serves storage on ports of this workstation. */
export class VolumeServer implements AsyncDisposable {
  /** Ports of 127.0.0.1. */
  readonly ports: Ports;
  readonly #stack: AsyncDisposableStack;

  private constructor(ports: Ports, stack: AsyncDisposableStack) {
    this.ports = ports;
    this.#stack = stack;
  }

  static async start(progress: Progress): Promise<VolumeServer> {
    await using stack = new AsyncDisposableStack();
    const dir = await mkdtemp(path.join(tmpdir(), 'kios-volumes-'));
    stack.defer(() => rm(dir, { recursive: true, force: true }));
    const kernel = await kernelIn(dir, progress);
    const initrd = await initramfs(dir, progress);
    const ports = {
      nfs: await freePort(),
      mountd: await freePort(),
      smb: await freePort(),
      iscsi: await freePort(),
      nvme: await freePort(),
    };
    const services = ['nfs', 'mountd', 'smb', 'iscsi', 'nvme'] as const;
    const forwards = services.map((name) => `hostfwd=tcp:127.0.0.1:${ports[name]}-:${PORTS[name]}`);
    const [qemu = '', ...flags] = (await openEmulator('amd64', progress)).command;
    const guest = new RunningProcess(qemu, [
      ...flags,
      ...splitFlags([
        ...machineFlags('amd64'),
        '-accel tcg',
        '-m 1G',
        '-nodefaults',
        '-display none',
        '-no-reboot',
        '-serial stdio',
        `-netdev user,id=net,restrict=on,${forwards.join(',')}`,
        '-device virtio-net-pci,netdev=net,romfile=',
        `-kernel ${kernel}`,
        `-initrd ${initrd}`,
      ]),
      '-append',
      'console=ttyS0 panic=-1 quiet',
    ]);
    stack.use(guest);
    await guest.expect(READY, START_MS);
    return new VolumeServer(ports, stack.move());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

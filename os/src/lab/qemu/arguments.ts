import type { Arch } from '../../workstation/paths.ts';
import type { Accelerator } from './accelerator.ts';
import { splitFlags } from './flags.ts';
import { type Firmware, PLATFORMS } from './platform.ts';

/** Everything that decides how a machine is started; relative file names are those of its own folder. */
export interface MachineSpec {
  readonly arch: Arch;
  readonly accelerator: Accelerator;
  readonly firmware: Pick<Firmware, 'code'>;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** Host port on 127.0.0.1 that reaches the guest's kubelet. */
  readonly kubeletPort: number;
  /** Words added to the kernel command line. */
  readonly commandLine: readonly string[];
  readonly seed: boolean;
  /** A network card before the one that works, with a link and nobody at its other end. */
  readonly quietCard?: boolean;
  /** A disc in a drive, and the asset tag of the chassis: what a cloud gives a machine besides its network. */
  readonly cloud?: { readonly disc: string; readonly assetTag: string };
}

/** File names inside a machine's folder. QEMU runs in that folder: a Unix socket's path may be 107 bytes long only. */
export const MACHINE_FILES = {
  disk: 'disk.img',
  vars: 'vars.fd',
  seed: 'seed.img',
  console: 'console.log',
  hostLogs: 'hostlogs.log',
  pid: 'qemu.pid',
  qmp: 'qmp.sock',
} as const;

const FILES = MACHINE_FILES;

const drive = (file: string, index: number, options = ''): string[] => [
  `-drive if=none,id=disk${index},format=raw,file=${file}${options}`,
  `-device virtio-blk-pci,drive=disk${index},bootindex=${index}`,
];

const serial = (id: string, file: string): string[] => [
  `-chardev file,id=${id},path=${file},append=on`,
  `-serial chardev:${id}`,
];

/**
 * Words for the kernel go through an SMBIOS string that systemd's EFI stub appends to the image's command line: the image that is
 * tested stays the image that is shipped. A comma ends a QEMU option value unless doubled.
 */
const commandLine = (words: readonly string[]): string[] =>
  words.length === 0
    ? []
    : [
        `-smbios type=11,value=io.systemd.stub.kernel-cmdline-extra=${words.join(' ').replaceAll(',', ',,')}`,
      ];

/** The arguments of QEMU for one node. */
export const qemuArguments = (spec: MachineSpec): string[] =>
  splitFlags([
    '-name kios',
    ...PLATFORMS[spec.arch].flags,
    `-accel ${spec.accelerator}`,
    `-smp ${spec.cpus}`,
    `-m ${spec.memoryMiB}`,
    '-nodefaults',
    '-no-user-config',
    '-display none',
    `-drive if=pflash,format=raw,readonly=on,file=${spec.firmware.code}`,
    `-drive if=pflash,format=raw,file=${FILES.vars}`,
    ...drive(FILES.disk, 0, ',cache=unsafe,discard=unmap'),
    ...(spec.seed ? drive(FILES.seed, 1, ',readonly=on') : []),
    ...(spec.quietCard === true
      ? ['-netdev hubport,id=quiet,hubid=0', '-device virtio-net-pci,netdev=quiet,romfile=']
      : []),
    ...(spec.cloud === undefined
      ? []
      : [
          `-drive if=none,id=disc,media=cdrom,readonly=on,format=raw,file=${spec.cloud.disc}`,
          '-device ide-cd,drive=disc',
          `-smbios type=3,asset=${spec.cloud.assetTag}`,
        ]),
    `-netdev user,id=net0,hostfwd=tcp:127.0.0.1:${spec.kubeletPort}-:10250`,
    '-device virtio-net-pci,netdev=net0,romfile=',
    '-object rng-random,id=rng0,filename=/dev/urandom',
    '-device virtio-rng-pci,rng=rng0',
    ...serial('console', FILES.console),
    // The virtual machine of ARM has one port.
    ...(spec.arch === 'amd64' ? serial('hostlogs', FILES.hostLogs) : []),
    ...commandLine(spec.commandLine),
    `-qmp unix:${FILES.qmp},server=on,wait=off`,
    '-daemonize',
    `-pidfile ${FILES.pid}`,
  ]);

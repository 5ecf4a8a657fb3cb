import { KiosError } from '@kios/errors';

import type { Arch } from '../../workstation/paths.ts';
import type { Accelerator } from './accelerator.ts';
import { splitFlags } from './flags.ts';
import { type Firmware, machineFlags, secureBootFlags } from './platform.ts';

/**
 * What a machine starts from in place of its disk, which it then does not have: `cd`, the disk's file in a CD drive;
 * `tftp`, a boot server in QEMU that serves this folder; `tap`, whatever answers on this network device, by HTTP;
 * `efi`, this file, with a command line that takes the place of the file's own.
 */
export type StartMedium =
  | { readonly cd: true }
  | { readonly tftp: string }
  | { readonly tap: string }
  | { readonly efi: string; readonly kernelCommandLine: string };

/** A network device of the workstation, and the card's MAC; QEMU gives all first cards the same one. */
export interface Tap {
  readonly device: string;
  readonly mac?: string;
}

/** The boot file in a folder that is served by TFTP. */
export const NETBOOT_FILE = 'kios.efi';

/** The settings with which a machine starts. Relative file names are in the machine's folder. */
export interface MachineSpec {
  readonly arch: Arch;
  readonly accelerator: Accelerator;
  readonly firmware: Pick<Firmware, 'code' | 'secureCode'>;
  /** Firmware that enforces Secure Boot once it has keys. */
  readonly secureBoot?: boolean;
  readonly memoryMiB: number;
  readonly cpus: number;
  /** QEMU's model of the processor, in place of the platform's. */
  readonly processor?: string;
  /** Port of 127.0.0.1 on the workstation that reaches the guest's kubelet. */
  readonly kubeletPort: number;
  /** Words added to the kernel command line. */
  readonly commandLine: readonly string[];
  readonly seed: boolean;
  /** The machine's own UUID (SMBIOS), of which it makes the name of a node that has no other. */
  readonly uuid: string;
  /** The first disk refuses to be written, as a card does whose lock is closed. */
  readonly lockedDisk?: boolean;
  /** An empty file, in which QEMU records each write to the first disk in its order (blklogwrites). */
  readonly writeLog?: string;
  /** Files of further disks. Their kernel names come after the first disk's and before the seed's. */
  readonly disks?: readonly string[];
  /** Adds a SCSI controller, for disks that are plugged in while the machine runs. Their kernel names come first. */
  readonly scsi?: boolean;
  /** Adds a network card before the working one, with a link but no peer. */
  readonly quietCard?: boolean;
  /** Gives the machine two network cards on one segment; their cables are `CABLES`. */
  readonly twoCards?: boolean;
  /** A network device that has the other end of the machine's only card, in place of QEMU's user network. */
  readonly tap?: Tap;
  /** Adds a network card on a segment that two machines share; one listens on the socket and starts first. */
  readonly segment?: { readonly socket: string; readonly listens: boolean; readonly mac: string };
  /** Ports of the workstation's 127.0.0.1 that lead to ports of the guest, besides kubelet's. */
  readonly forwards?: readonly { readonly from: number; readonly to: number }[];
  readonly startFrom?: StartMedium;
  /** Adds a screen. */
  readonly screen?: boolean;
  /** Leaves out the serial ports. */
  readonly withoutPorts?: boolean;
  /** File of an ACPI table that the guest finds besides the machine's own. */
  readonly acpiTable?: string;
  /** The time of the hardware clock at power-on (`1970-01-01T00:00:00`, UTC), instead of the workstation's. */
  readonly rtc?: string;
  /** Further arguments of QEMU, for devices that no other machine has. */
  readonly devices?: readonly string[];
  /** A disc in a drive and the asset tag of the chassis, which a cloud gives a machine besides its network. */
  readonly cloud?: { readonly disc: string; readonly assetTag: string };
}

/** File names in a machine's folder. QEMU runs in that folder, because a Unix socket's path has at most 107 bytes. */
export const MACHINE_FILES = {
  disk: 'disk.img',
  vars: 'vars.fd',
  seed: 'seed.img',
  console: 'console.log',
  hostLogs: 'hostlogs.log',
  log: 'qemu.log',
  networkLog: 'network.log',
  qmp: 'qmp.sock',
  screen: 'screen.ppm',
  memory: 'memory.bin',
} as const;

const FILES = MACHINE_FILES;

/** Name of the SCSI controller. */
export const SCSI = 'scsi';

/** Disks lose what was not written out when QEMU is killed, which no test does to a machine that it starts again. */
const WRITABLE = ',cache=unsafe,discard=unmap';

const READ_ONLY = ',readonly=on';

const drive = (file: string, index: number, options = ''): string[] => [
  `-drive if=none,id=disk${index},format=raw,file=${file}${options}`,
  `-device virtio-blk-pci,drive=disk${index},bootindex=${index}`,
];

/** QEMU counts the entries of the log when the guest flushes, which `cache=unsafe` would keep from it. */
/** A log entry is one write of a request and its header, and with that a merged request has too many parts. */
const loggedDrive = (log: string): string[] => [
  `-drive if=none,id=disk0,driver=blklogwrites,file.driver=raw,file.file.driver=file,file.file.filename=${FILES.disk},log.driver=raw,log.file.driver=file,log.file.filename=${log},cache=writeback,discard=unmap`,
  '-device virtio-blk-pci,drive=disk0,bootindex=0,request-merging=off',
];

/** Firmware starts the first of these. */
const startDrive = ({ startFrom: medium, writeLog, lockedDisk }: MachineSpec): string[] => {
  if (medium === undefined) {
    if (writeLog !== undefined) return loggedDrive(writeLog);
    return drive(FILES.disk, 0, lockedDisk === true ? READ_ONLY : WRITABLE);
  }
  if ('cd' in medium)
    return [
      `-drive if=none,id=cd,media=cdrom,readonly=on,format=raw,file=${FILES.disk}`,
      '-device ide-cd,drive=cd,bootindex=0',
    ];
  return 'efi' in medium ? [`-kernel ${medium.efi}`, `-append ${medium.kernelCommandLine}`] : [];
};

/** Firmware tries PXE first where it is on, and waits a minute for a server that has none. */
const NO_PXE = ['IPv4PXESupport', 'IPv6PXESupport'].map(
  (name) => `-fw_cfg name=opt/org.tianocore/${name},string=n`,
);

/** The cables of two cards, to be pulled by QMP's `set_link`. */
export const CABLES = ['cable0', 'cable1'] as const;

const cards = (user: string): string[] => [
  user,
  '-netdev hubport,id=uplink,hubid=1,netdev=net0',
  ...CABLES.flatMap((cable) => [
    `-netdev hubport,id=${cable},hubid=1`,
    `-device virtio-net-pci,netdev=${cable},romfile=`,
  ]),
];

const CARD = '-device virtio-net-pci,netdev=net0,romfile=';

const tapNetwork = ({ device, mac }: Tap): [netdev: string, card: string] => [
  `-netdev tap,id=net0,ifname=${device},script=no,downscript=no`,
  mac === undefined ? CARD : `${CARD},mac=${mac}`,
];

function startNetwork(device: string): string[] {
  const [netdev, card] = tapNetwork({ device });
  return [netdev, `${card},bootindex=0`, ...NO_PXE];
}

const sharedSegment = ({ segment }: MachineSpec): string[] =>
  segment === undefined
    ? []
    : [
        `-netdev stream,id=segment,server=${segment.listens ? 'on' : 'off'},addr.type=unix,addr.path=${segment.socket}`,
        `-device virtio-net-pci,netdev=segment,romfile=,mac=${segment.mac}`,
      ];

function network({ startFrom, kubeletPort, forwards = [], twoCards, tap }: MachineSpec): string[] {
  if (startFrom !== undefined && 'tap' in startFrom) return startNetwork(startFrom.tap);
  if (tap !== undefined) return tapNetwork(tap);
  const hostfwd = [{ from: kubeletPort, to: 10250 }, ...forwards]
    .map(({ from, to }) => `,hostfwd=tcp:127.0.0.1:${from}-:${to}`)
    .join('');
  const user = `-netdev user,id=net0${hostfwd}`;
  if (twoCards === true) return cards(user);
  return startFrom !== undefined && 'tftp' in startFrom
    ? [`${user},tftp=${startFrom.tftp},bootfile=${NETBOOT_FILE}`, `${CARD},bootindex=0`]
    : [user, CARD];
}

/** Firmware does not boot from a disk without a boot index. */
const furtherDisk = (file: string, index: number): string[] => [
  `-drive if=none,id=further${index},format=raw,file=${file}${WRITABLE}`,
  `-device virtio-blk-pci,drive=further${index}`,
];

export const serial = (id: string, file: string): string[] => [
  `-chardev file,id=${id},path=${file},append=on`,
  `-serial chardev:${id}`,
];

/** QEMU's arm64 machine has one serial port. */
const serialPorts = ({ arch, withoutPorts }: MachineSpec): string[] =>
  withoutPorts === true
    ? []
    : [
        ...serial('console', FILES.console),
        ...(arch === 'amd64' ? serial('hostlogs', FILES.hostLogs) : []),
      ];

/** Firmware has the drivers of these screens itself. */
const SCREENS = { amd64: '-device VGA,romfile=', arm64: '-device ramfb' } as const;

/**
 * Passes words to the kernel by an SMBIOS string, which systemd's EFI stub appends to the image's command line: so the
 * tested image is the shipped one. A comma ends a QEMU option value unless doubled.
 */
const commandLine = (words: readonly string[]): string[] =>
  words.length === 0
    ? []
    : [
        `-smbios type=11,value=io.systemd.stub.kernel-cmdline-extra=${words.join(' ').replaceAll(',', ',,')}`,
      ];

function firmwareCode({ firmware, secureBoot, arch }: MachineSpec): string {
  if (secureBoot !== true) return firmware.code;
  if (firmware.secureCode !== undefined) return firmware.secureCode;
  throw new KiosError('KIOS_QEMU', `start a machine of ${arch} with Secure Boot`);
}

const firmwareFlags = (spec: MachineSpec): string[] => [
  ...(spec.secureBoot === true ? secureBootFlags() : []),
  `-drive if=pflash,format=raw,readonly=on,file=${firmwareCode(spec)}`,
  `-drive if=pflash,format=raw,file=${FILES.vars}`,
];

/** Returns the arguments of QEMU for one machine. */
export const qemuArguments = (spec: MachineSpec): string[] =>
  splitFlags([
    '-name kios',
    ...machineFlags(spec.arch, spec.processor),
    `-accel ${spec.accelerator}`,
    `-smp ${spec.cpus}`,
    `-m ${spec.memoryMiB}`,
    `-uuid ${spec.uuid}`,
    '-nodefaults',
    '-no-user-config',
    '-display none',
    ...firmwareFlags(spec),
    ...startDrive(spec),
    ...(spec.disks ?? []).flatMap(furtherDisk),
    ...(spec.seed ? drive(FILES.seed, 1, READ_ONLY) : []),
    ...(spec.scsi === true ? [`-device virtio-scsi-pci,id=${SCSI}`] : []),
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
    ...network(spec),
    ...sharedSegment(spec),
    ...(spec.devices ?? []),
    '-object rng-random,id=rng0,filename=/dev/urandom',
    '-device virtio-rng-pci,rng=rng0',
    ...serialPorts(spec),
    ...(spec.screen === true ? [SCREENS[spec.arch]] : []),
    ...(spec.rtc === undefined ? [] : [`-rtc base=${spec.rtc}`]),
    ...(spec.acpiTable === undefined ? [] : [`-acpitable file=${spec.acpiTable}`]),
    ...commandLine(spec.commandLine),
    `-qmp unix:${FILES.qmp},server=on,wait=off`,
  ]);

import { randomBytes } from 'node:crypto';
import { copyFile, open, readFile, stat, truncate } from 'node:fs/promises';
import path from 'node:path';

import { parseChoice, systemPrefix } from '@kios/host-api/board-slots';

import { decodeGpt, TYPE } from '../../build/formats/gpt.ts';
import { PI_FILES } from '../../build/image/boot-file.ts';
import { openToolroot, openTools } from '../../build/sources/debian/toolroot.ts';
import { silent } from '../../workstation/progress.ts';
import { MACHINE_FILES, type MachineSpec, serial } from './arguments.ts';
import { splitFlags } from './flags.ts';

/** What the board's loader hands to the kernel, as files in the machine's folder. */
export interface PiBoot {
  readonly kernel: string;
  readonly initramfs: string;
  readonly tree: string;
  readonly commandLine: string;
}

const TREE = 'bcm2711-rpi-4-b.dtb';
const TABLE_BYTES = 64 * 1024;

/**
 * Words that only QEMU's board needs. It has no interrupt controller for HDMI and no I2C there, and waits for ever when
 * their drivers start. The console is the large UART, because `fitTree` takes the small one out. QEMU's model of the
 * watchdog resets the board as soon as it is armed.
 */
const WORDS = [
  'clk_ignore_unused',
  'initcall_blacklist=brcmstb_l2_driver_init,brcmstb_i2c_driver_init',
  'console=ttyAMA0,115200',
  'kios.watchdog=off',
];

/** QEMU's firmware says this board's serial number to nobody. */
const SERIAL_NUMBER = '100000006b696f73';

/** Makes a card as large as QEMU demands: a power of two. */
export async function growCard(disk: string): Promise<void> {
  const { size } = await stat(disk);
  await truncate(disk, 2 ** Math.ceil(Math.log2(size)));
}

/** Bytes that the firmware fills with random numbers, of which QEMU's board has no other source. */
const SEEDS = { 'rng-seed': 64, 'kaslr-seed': 8 };

/**
 * Writes into the device tree what the board's firmware writes there, and takes out what QEMU lacks. Its card is in the
 * controller that a board has for the wireless chip, and nothing switches that chip on. Its small UART interrupts all
 * the time as soon as a driver lets it say that it can send, and leaves the processors no time for anything else.
 */
async function fitTree(file: string, prefix: string): Promise<void> {
  const packages = ['device-tree-compiler', 'libc6', 'libfdt1', 'libyaml-0-2'];
  const tools = await openTools<'usr/bin/fdtput'>(packages, silent);
  const put = (...args: string[]): Promise<string> => tools.run('usr/bin/fdtput', args);
  const chosen = '/chosen/bootloader';
  await put('-c', file, chosen);
  await put('-t', 'x', file, chosen, 'boot-mode', '1');
  await put('-t', 'x', file, chosen, 'partition', '1');
  await put('-t', 's', file, '/chosen', 'os_prefix', prefix);
  for (const [name, bytes] of Object.entries(SEEDS)) {
    const seed = [...randomBytes(bytes)].map((byte) => byte.toString(16));
    await put('-t', 'bx', file, '/chosen', name, ...seed);
  }
  await put('-t', 's', file, '/', 'serial-number', SERIAL_NUMBER);
  await put('-d', file, '/soc/mmc@7e300000', 'mmc-pwrseq', 'non-removable');
  await put('-t', 's', file, '/soc/serial@7e215040', 'status', 'disabled');
}

async function bootOffset(disk: string): Promise<number> {
  await using file = await open(disk);
  const { buffer } = await file.read(Buffer.alloc(TABLE_BYTES), 0, TABLE_BYTES, 0);
  const esp = decodeGpt(buffer)?.find(({ type }) => type === TYPE.esp);
  if (esp === undefined) throw new Error(`${disk} has no boot partition`);
  return esp.offset;
}

/**
 * Does the work of the board's loader, of which QEMU has none: reads `config.txt` of the card's first partition, and
 * the files of the system that it names. As the loader does, it takes those at the top when that system has no kernel.
 */
export async function loadPi(dir: string): Promise<PiBoot> {
  const disk = path.join(dir, MACHINE_FILES.disk);
  const from = `${disk}@@${await bootOffset(disk)}`;
  const tools = await openToolroot(silent);
  const copy = (...files: readonly string[]): Promise<string> =>
    tools.run('usr/bin/mcopy', ['-n', '-o', '-i', from, ...files.map((file) => `::${file}`), dir]);
  const { config, kernel, initramfs, commandLine } = PI_FILES;
  await copy(config);
  const choice = parseChoice(await readFile(path.join(dir, config), 'latin1'));
  const wanted = choice === undefined ? '' : systemPrefix(choice.next);
  const isThere = await copy(`${wanted}${kernel}`, `${wanted}${TREE}`).then(
    () => true,
    () => false,
  );
  const prefix = isThere ? wanted : '';
  await copy(...[kernel, initramfs, commandLine, TREE].map((name) => `${prefix}${name}`));
  const tree = 'board.dtb';
  await copyFile(path.join(dir, TREE), path.join(dir, tree));
  await fitTree(path.join(dir, tree), prefix);
  const line = (await readFile(path.join(dir, commandLine), 'utf8')).trim();
  return { kernel, initramfs, tree, commandLine: line };
}

/** A network card in place of the board's own, which QEMU lacks. */
export const USB_CARD = { driver: 'usb-net', netdev: 'net0', id: 'card' } as const;

/**
 * Returns the arguments of QEMU for a Raspberry Pi 4 with 2 GiB. Its network card is plugged in later. A reset ends
 * QEMU, which would start the same kernel again: the loader chooses anew at the next power-on.
 */
export const piArguments = (
  { kernel, initramfs, tree, commandLine }: PiBoot,
  spec: Pick<MachineSpec, 'accelerator' | 'commandLine' | 'kubeletPort' | 'devices'>,
): string[] => [
  ...splitFlags([
    '-name kios',
    '-machine raspi4b',
    `-accel ${spec.accelerator}`,
    '-smp 4',
    '-m 2G',
    '-nodefaults',
    '-no-user-config',
    '-display none',
    '-no-reboot',
    `-drive if=sd,format=raw,file=${MACHINE_FILES.disk},cache=unsafe`,
    `-netdev user,id=net0,hostfwd=tcp:127.0.0.1:${spec.kubeletPort}-:10250`,
    ...serial('console', MACHINE_FILES.console),
    `-kernel ${kernel}`,
    `-initrd ${initramfs}`,
    `-dtb ${tree}`,
    `-qmp unix:${MACHINE_FILES.qmp},server=on,wait=off`,
    ...(spec.devices ?? []),
  ]),
  '-append',
  [commandLine, ...WORDS, ...spec.commandLine].join(' '),
];

import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';

import { call } from '../call.ts';

const CHARACTER_DEVICE = 0o020600;
/** The major number of devices that have no other in common (misc_register in the kernel). */
export const MISC = 10;

export function withDevice(file: string, use: (fd: number) => unknown): void {
  const fd = openSync(file, 'r+');
  try {
    use(fd);
  } finally {
    closeSync(fd);
  }
}

/** Returns the number as mknod(2) takes it: the higher bits of the minor number stand above the major one. */
const deviceNumber = (major: number, minor: number): number =>
  (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);

/** Opens a character device by a node of our own, because a container may lack it. */
export function withNode(major: number, minor: number, use: (fd: number) => unknown): void {
  const node = '/dev/kios-feature';
  call('mknod', node, CHARACTER_DEVICE, deviceNumber(major, minor));
  try {
    withDevice(node, use);
  } finally {
    rmSync(node);
  }
}

/** Opens a device without a fixed number by its name in `/proc/misc`. */
export function withMisc(name: string, use: (fd: number) => unknown): void {
  const line = new RegExp(`^\\s*(\\d+) ${name}$`, 'm').exec(readFileSync('/proc/misc', 'utf8'));
  if (line === null) throw Object.assign(new Error(`no ${name}`), { code: 'ENODEV' });
  withNode(MISC, Number(line[1]), use);
}

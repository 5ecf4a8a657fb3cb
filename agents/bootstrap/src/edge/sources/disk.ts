import { readlink, stat } from 'node:fs/promises';
import path from 'node:path';

import { readIfThere } from '@kios/agent';

/** The kernel's numbers of a device (makedev(3)), as /sys/dev/block has them. */
const deviceNumbers = (dev: number): string =>
  `${(dev >>> 8) & 0xfff}:${(dev & 0xff) | ((dev >>> 12) & 0xfff00)}`;

/** The parts of a path in /sys that have a number in the order of their appearance. */
const NUMBERED = /\/(?:virtio|host|target)\d[^/]*|\/block$|(?<=\/)\d+:(?=\d+:\d+:\d+)/g;

/** A number in the firmware of the disk, or of the USB device that it is in. */
async function readSerial(disk: string, devices: string): Promise<string | undefined> {
  // The root hub's serial number is that of the controller, which is the same for all its sticks.
  const isInside = (at: string): boolean =>
    at.startsWith(`${devices}/`) && !/^usb\d/.test(path.basename(at));
  for (let at = disk; isInside(at); at = path.dirname(at))
    for (const name of ['wwid', 'serial']) {
      const text = await readIfThere(path.join(at, name)).catch(() => undefined);
      if (text !== undefined && text.trim() !== '') return `${name} ${text.trim()}`;
    }
  return undefined;
}

/**
 * Returns the lasting name of the disk that holds a mounted folder: its serial number, or else its place on the buses.
 * The kernel's own names, sda and so on, change with the order in which disks appear.
 */
export async function diskOf(sysfs: string, folder: string): Promise<string | undefined> {
  const numbers = path.join(sysfs, 'dev/block', deviceNumbers((await stat(folder)).dev));
  const link = await readlink(numbers).catch(() => undefined);
  if (link === undefined) return undefined;
  const device = path.resolve(path.dirname(numbers), link);
  const isPartition = (await readIfThere(path.join(device, 'partition'))) !== undefined;
  const disk = isPartition ? path.dirname(device) : device;
  const devices = path.join(sysfs, 'devices');
  const place = path.relative(devices, path.dirname(disk));
  const lasting = place.replaceAll(NUMBERED, '');
  return (await readSerial(disk, devices)) ?? `at ${lasting}`;
}

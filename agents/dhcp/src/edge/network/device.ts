import { readlinkSync, realpathSync } from 'node:fs';
import path from 'node:path';

/** What sysfs says of the device behind a link. */
export interface Device {
  readonly driver: string | undefined;
  /** Place of the device, as udev's path_id writes it: `pci-0000:00:14.0-usb-0:1.2:1.0`, `platform-fe300000.mmc`. */
  readonly path: string | undefined;
}

const PCI = /^[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/;
/** Bus and ports, configuration and interface. */
const USB = /^\d+-([\d.]+:\d+\.\d+)$/;

function pathOf(device: string): string | undefined {
  const parts = device.split('/');
  const usb = parts.flatMap((part) => USB.exec(part)?.[1] ?? []).at(-1);
  const suffix = usb === undefined ? '' : `-usb-0:${usb}`;
  const pci = parts.findLast((part) => PCI.test(part));
  if (pci !== undefined) return `pci-${pci}${suffix}`;
  const after = parts.lastIndexOf('platform');
  const names = after < 0 ? [] : parts.slice(after + 1);
  // A board's buses are platform devices too; the device is the last with an address.
  const platform = names.findLast((name) => /^[0-9a-f]+\.|\.\d+$/.test(name)) ?? names[0];
  return platform === undefined ? undefined : `platform-${platform}${suffix}`;
}

/** Reads the device behind a link; undefined when there is none. */
export function readDevice(link: string, sys = '/sys'): Device | undefined {
  const device = path.join(sys, 'class/net', link, 'device');
  try {
    const place = pathOf(path.relative(sys, realpathSync(device)));
    return { path: place, driver: driverOf(device) };
  } catch {
    return undefined;
  }
}

function driverOf(device: string): string | undefined {
  try {
    return path.basename(readlinkSync(path.join(device, 'driver')));
  } catch {
    return undefined;
  }
}

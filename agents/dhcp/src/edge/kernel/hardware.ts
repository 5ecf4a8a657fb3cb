import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Port names of representors, by which a card's own switch shows the functions of hosts and virtual machines. */
const REPRESENTOR = /^(?:c\d+)?pf\d+(?:vf|sf)\d+$/;

/**
 * Cards that a management controller (BMC) is to the host by USB: of AMI, Dell, Insyde (Supermicro) and Lenovo. Most of
 * them have a DHCP server, and nothing but the controller behind them.
 */
const CONTROLLERS: ReadonlySet<string> = new Set([
  '046b:ffb0',
  '413c:a102',
  '0b1f:03ee',
  '04b3:4010',
]);

/**
 * Returns whether the link has a device behind it that is this machine's own use. A virtual function whose card is also
 * here is meant for a virtual machine or a pod, a representor for whatever switches its traffic, and the card of the
 * management controller for whatever manages the machine.
 */
export function isHardware(name: string, sys = '/sys'): boolean {
  const folder = path.join(sys, 'class/net', name);
  const device = path.join(folder, 'device');
  if (!existsSync(device) || existsSync(path.join(device, 'physfn'))) return false;
  return !REPRESENTOR.test(readWord(folder, 'phys_port_name')) && !isController(device);
}

/** A network card on USB is one interface of a device, which stands above it, and not above the link to it. */
function isController(device: string): boolean {
  const usb = `${device}/..`;
  return CONTROLLERS.has(`${readWord(usb, 'idVendor')}:${readWord(usb, 'idProduct')}`);
}

/** Reads a file of one word. Most drivers have no name of a port, so reading it fails, and most cards are not USB. */
function readWord(folder: string, file: string): string {
  try {
    return readFileSync(`${folder}/${file}`, 'latin1').trim();
  } catch {
    return '';
  }
}

const LOWER = 'lower_';

/** Returns whether the link is Wi-Fi, or stands on Wi-Fi as a bond or a VLAN does. */
export function isWifi(name: string, sys = '/sys'): boolean {
  const folder = path.join(sys, 'class/net', name);
  if (!existsSync(folder)) return false;
  return (
    existsSync(path.join(folder, 'phy80211')) ||
    readdirSync(folder)
      .filter((entry) => entry.startsWith(LOWER))
      .some((entry) => isWifi(entry.slice(LOWER.length), sys))
  );
}

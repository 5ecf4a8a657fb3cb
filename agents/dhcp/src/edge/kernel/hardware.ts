import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** Port names of representors, by which a card's own switch shows the functions of hosts and virtual machines. */
const REPRESENTOR = /^(?:c\d+)?pf\d+(?:vf|sf)\d+$/;

/**
 * Returns whether the link has a device behind it that is this machine's own use. A virtual function whose card is also
 * here is meant for a virtual machine or a pod, and a representor for whatever switches its traffic.
 */
export function isHardware(name: string, sys = '/sys'): boolean {
  const folder = path.join(sys, 'class/net', name);
  const device = path.join(folder, 'device');
  return existsSync(device) && !existsSync(path.join(device, 'physfn')) && !isRepresentor(folder);
}

function isRepresentor(folder: string): boolean {
  try {
    return REPRESENTOR.test(readFileSync(path.join(folder, 'phys_port_name'), 'latin1').trim());
  } catch {
    // Most drivers have no such name, and reading it fails.
    return false;
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

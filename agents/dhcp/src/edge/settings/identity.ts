import { readFileSync } from 'node:fs';

import { fromHex } from '@kios/bytes';
import { HostState } from '@kios/node-state';
import * as v from 'valibot';

import type { Identity } from '../../core/client/requests.ts';
import type { LinkSettings } from '../../core/settings/settings.ts';
import { isDomainName } from '../../core/wire/domain-list.ts';

const HARDWARE_ETHERNET = 1;
const TYPE_UUID = 0;
const UUID_BYTES = 16;
const TYPE_DUID = 255;
const DUID_LINK_LAYER = 3;
const PRODUCT_UUID = '/sys/class/dmi/id/product_uuid';
const NET_ADDR_RANDOM = '1';

/** The part of a client's identity that may change while it runs. */
export type NameIdentity = Pick<Identity, 'hostname' | 'wantsHostname'>;

/**
 * Reads the name to send. One that nobody chose, because init derived it from the machine, is not sent: a server that
 * knows a name for this machine is asked for it instead.
 */
export function nameIdentity(setting: LinkSettings['hostname'], hostFile: string): NameIdentity {
  const hostname = setting === 'send' ? readChosenName(hostFile) : undefined;
  return { hostname, wantsHostname: setting !== 'off' && hostname === undefined };
}

function readChosenName(hostFile: string): string | undefined {
  try {
    const { hostname, hostnameSource } = v.parse(
      HostState,
      JSON.parse(readFileSync(hostFile, 'utf8')),
    );
    return hostnameSource === 'file' && isDomainName(hostname) ? hostname : undefined;
  } catch {
    return undefined;
  }
}

/** Returns whether the hardware address is random and so lasts only for this boot: servers will not recognise it. */
export function isPassingMac(link: string): boolean {
  try {
    return (
      readFileSync(`/sys/class/net/${link}/addr_assign_type`, 'latin1').trim() === NET_ADDR_RANDOM
    );
  } catch {
    return false;
  }
}

/**
 * Returns option 61. The default is type 1 and the hardware address: reservations work, and clones of a disk differ.
 * `duid`: RFC 4361, also made of the hardware address. `uuid`: the machine's, as PXE firmware sends it, or else as
 * `mac`. RFC 2132 §9.14.
 */
export function clientIdOf(choice: string, mac: string): Uint8Array | undefined {
  const hardware = fromHex(mac);
  switch (choice) {
    case 'none':
      return undefined;
    case 'mac':
      return Uint8Array.of(HARDWARE_ETHERNET, ...hardware);
    case 'duid': {
      const duid = [0, DUID_LINK_LAYER, 0, HARDWARE_ETHERNET, ...hardware];
      return Uint8Array.of(TYPE_DUID, ...hardware.slice(-4), ...duid);
    }
    case 'uuid':
      return machineId() ?? clientIdOf('mac', mac);
    default:
      return fromHex(choice.replace('hex:', ''));
  }
}

/**
 * Returns the machine's UUID as an identifier; undefined where the firmware has none. The first three fields are
 * little-endian, as in SMBIOS and as firmware sends them.
 */
export function machineId(file = PRODUCT_UUID): Uint8Array | undefined {
  let bytes: Uint8Array;
  try {
    bytes = fromHex(readFileSync(file, 'latin1').trim().replaceAll('-', ''));
  } catch {
    return undefined;
  }
  if (bytes.length !== UUID_BYTES) return undefined;
  const [a, b, c, rest] = [bytes.slice(0, 4), bytes.slice(4, 6), bytes.slice(6, 8), bytes.slice(8)];
  const fields = [...a.toReversed(), ...b.toReversed(), ...c.toReversed(), ...rest];
  return Uint8Array.of(TYPE_UUID, ...fields);
}

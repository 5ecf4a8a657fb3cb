import { fromHex } from '@kios/bytes';
import type { DhcpSettings } from '@kios/network-config';
import * as v from 'valibot';

import type { Identity } from '../client/requests.ts';
import { type LinkSettings, SETTINGS } from '../settings/settings.ts';
import { encodeWith } from '../wire/codec.ts';
import { OPTIONS } from '../wire/options.ts';
import { override6Of, type Settings6 } from './client6-settings.ts';
import type { FileRole } from './roles.ts';

const OWN = { vendorClass: 60, userClass: 77, fqdn: 81 } as const;
/** The server updates the A record, and the name is in the wire form of DNS. RFC 4702 §2.1. */
const FQDN_FLAGS = 0x01 | 0x04;

/** How the DHCPv4 client of a link differs from its settings, by the network file. */
export interface Override {
  readonly settings: LinkSettings;
  /** Options beside the client's own, in all messages that ask for something. */
  readonly sent: Identity['sent'];
  readonly useDomains: boolean;
  readonly useNtp: boolean;
  readonly ipv6: Settings6;
}

const bytesOf = (value: string): Uint8Array =>
  value.startsWith('hex:') ? fromHex(value.slice('hex:'.length)) : new TextEncoder().encode(value);

/** RFC 3004 §4: each class stands behind its length. */
const userClassOf = (value: string): Uint8Array => {
  const bytes = bytesOf(value);
  return Uint8Array.of(bytes.length, ...bytes);
};

const fqdnOf = (name: string): Uint8Array =>
  Uint8Array.of(FQDN_FLAGS, 0, 0, ...encodeWith(OPTIONS.searchList.codec, [name]));

const optional = (
  code: number,
  value: string | undefined,
  encode: (value: string) => Uint8Array,
): Identity['sent'] => (value === undefined ? [] : [[code, encode(value)]]);

const optionsSent = (dhcp: DhcpSettings): Identity['sent'] => [
  // RFC 4702 §3.1: a client that sends its full name does not send the short one.
  ...optional(OPTIONS.hostName.code, dhcp.fqdn === undefined ? dhcp.hostname : undefined, bytesOf),
  ...optional(OWN.vendorClass, dhcp.vendorClass, bytesOf),
  ...optional(OWN.userClass, dhcp.userClass, userClassOf),
  ...optional(OWN.fqdn, dhcp.fqdn, fqdnOf),
  ...dhcp.sendOptions.map(({ code, value }) => [code, bytesOf(value)] as const),
];

/** The host's own name goes to no server that gets one of the file. */
function hostnameMode(
  { hostname, fqdn, sendHostname }: DhcpSettings,
  before: LinkSettings['hostname'],
): LinkSettings['hostname'] {
  if (hostname !== undefined || fqdn !== undefined) return 'off';
  return sendHostname === false && before === 'send' ? 'request' : before;
}

function optionTypes(
  { requestOptions }: DhcpSettings,
  before: LinkSettings['options'],
): LinkSettings['options'] {
  const types = Object.fromEntries(requestOptions.map(({ code, type }) => [code, type]));
  return { ...before, ...v.parse(SETTINGS.options.schema, types) };
}

function withDhcp4(dhcp: DhcpSettings, settings: LinkSettings): Omit<Override, 'ipv6'> {
  return {
    settings: {
      ...settings,
      metric: dhcp.metric ?? settings.metric,
      dns: dhcp.useDns ?? settings.dns,
      mtu: dhcp.useMtu ?? settings.mtu,
      routes: dhcp.useRoutes ?? settings.routes,
      clientId: dhcp.clientId ?? settings.clientId,
      hostname: hostnameMode(dhcp, settings.hostname),
      options: optionTypes(dhcp, settings.options),
    },
    sent: optionsSent(dhcp),
    useDomains: dhcp.useDomains ?? true,
    useNtp: dhcp.useNtp ?? true,
  };
}

/** Puts what the network file says of a link over the flags and `dhcp.yaml`. */
export function overrideOf(file: FileRole, settings: LinkSettings): Override {
  const { dhcp4 } = file;
  const ipv6 = override6Of(file, settings);
  if (dhcp4 !== undefined) return { ...withDhcp4(dhcp4, settings), ipv6 };
  return { settings, sent: [], useDomains: true, useNtp: true, ipv6 };
}

import { fromHex } from '@kios/bytes';
import type { DhcpSettings } from '@kios/network-config';

import type { Dhcp6Choice } from '../ra/mode.ts';
import type { LinkSettings } from '../settings/settings.ts';
import type { Identity6 } from '../v6/client/identity.ts';
import type { Fqdn } from '../v6/wire/codec.ts';
import type { FileRole } from './roles.ts';

/** The server updates the AAAA record. RFC 4704 §4.1. */
const FQDN_FLAGS = 0x01;

/** What is used of one source of name servers. */
export interface UsedNames {
  readonly dns: boolean;
  readonly domains: boolean;
}

/** How one link is served with IPv6. */
export interface Settings6 {
  readonly dhcp6: Dhcp6Choice;
  readonly rapidCommit: boolean;
  /** What of DHCPv6, and of routers, goes into resolv.conf. */
  readonly fromServer: UsedNames;
  readonly fromRouters: UsedNames;
  readonly useNtp: boolean;
  /** Orders the name servers of DHCPv6; without it the metric of the link does. */
  readonly serverMetric?: number;
  /** Whether the host's name goes to servers, if somebody chose it. */
  readonly sendHostname: boolean;
  /** What the network file says of the client in place of the host's own. */
  readonly identity: Pick<Identity6, 'fqdn' | 'userClass' | 'vendorClass'>;
}

/** The settings of a link without a word about it in a network file. */
export const settings6Of = (given: LinkSettings): Settings6 => {
  const names = { dns: given.dns, domains: true };
  return {
    dhcp6: given.dhcp6,
    rapidCommit: given.rapidCommit,
    fromServer: names,
    fromRouters: names,
    useNtp: true,
    sendHostname: given.hostname === 'send',
    identity: {},
  };
};

const bytesOf = (value: string): Uint8Array =>
  value.startsWith('hex:') ? fromHex(value.slice('hex:'.length)) : new TextEncoder().encode(value);

function identityOf({
  fqdn,
  hostname,
  userClass,
  vendorClass,
  enterprise,
}: DhcpSettings): Settings6['identity'] {
  const name = fqdn ?? hostname;
  return {
    ...(name === undefined ? {} : { fqdn: { flags: FQDN_FLAGS, name } }),
    ...(userClass === undefined ? {} : { userClass: [bytesOf(userClass)] }),
    // Whose class it is only its maker's number says: kiOS has none that would be true.
    ...(vendorClass === undefined || enterprise === undefined
      ? {}
      : { vendorClass: { enterprise, data: [bytesOf(vendorClass)] } }),
  };
}

/** Where the file forbids announcements, no router can ask for DHCPv6. */
const choiceOf = ({ ra }: FileRole): Dhcp6Choice => (ra === undefined ? 'always' : 'on');

/** Returns what the file says, and what counted before where it says nothing. */
const namesOf = (
  before: UsedNames,
  said: Pick<DhcpSettings, 'useDns' | 'useDomains'> | undefined,
): UsedNames => ({
  dns: said?.useDns ?? before.dns,
  domains: said?.useDomains ?? before.domains,
});

/** Puts what the network file says of a link over the flags and `dhcp.yaml`. */
export function override6Of(file: FileRole, given: LinkSettings): Settings6 {
  const { dhcp6, ra } = file;
  const before = settings6Of(given);
  const fromRouters = namesOf(before.fromRouters, ra);
  if (dhcp6 === undefined) return { ...before, dhcp6: 'off', fromRouters };
  return {
    dhcp6: choiceOf(file),
    rapidCommit: dhcp6.rapidCommit ?? before.rapidCommit,
    fromServer: namesOf(before.fromServer, dhcp6),
    fromRouters,
    useNtp: dhcp6.useNtp ?? before.useNtp,
    sendHostname: dhcp6.sendHostname ?? before.sendHostname,
    identity: identityOf(dhcp6),
    ...(dhcp6.metric === undefined ? {} : { serverMetric: dhcp6.metric }),
  };
}

/** Returns the option of a host's name that somebody chose. */
export const fqdnOf = (name: string): Fqdn => ({ flags: FQDN_FLAGS, name });

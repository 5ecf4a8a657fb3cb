import type { NetplanCommon } from '../schema/netplan.ts';
import type { DhcpSettings } from './model.ts';

type Overrides = NonNullable<NetplanCommon['dhcp4-overrides']> &
  NonNullable<NetplanCommon['dhcp6-overrides']>;

const byCode = (map: Readonly<Record<string, string>> | undefined): (readonly [number, string])[] =>
  Object.entries(map ?? {})
    .map(([code, value]) => [Number(code), value] as const)
    .toSorted(([one], [other]) => one - other);

/** Text stays as it is; bytes have one form. */
const bytes = (value: string | undefined): string | undefined =>
  value?.startsWith('hex:') === true ? value.toLowerCase() : value;

function settingsOf(overrides: Overrides, clientId: string | undefined): DhcpSettings {
  return {
    metric: overrides['route-metric'],
    useDns: overrides['use-dns'],
    useDomains: overrides['use-domains'],
    useMtu: overrides['use-mtu'],
    useNtp: overrides['use-ntp'],
    useRoutes: overrides['use-routes'],
    sendHostname: overrides['send-hostname'],
    hostname: overrides.hostname,
    fqdn: overrides.fqdn,
    clientId,
    vendorClass: bytes(overrides['vendor-class']),
    userClass: bytes(overrides['user-class']),
    rapidCommit: overrides['rapid-commit'],
    requestOptions: byCode(overrides['request-options']).map(([code, type]) => ({ code, type })),
    sendOptions: byCode(overrides['send-options']).map(([code, value]) => ({
      code,
      value: bytes(value) ?? '',
    })),
  };
}

export function dhcp4Of(link: NetplanCommon): DhcpSettings | undefined {
  if (link.dhcp4 !== true) return undefined;
  const overrides = link['dhcp4-overrides'] ?? {};
  return settingsOf(overrides, bytes(overrides['client-id'] ?? link['dhcp-identifier']));
}

export const dhcp6Of = (link: NetplanCommon): DhcpSettings | undefined =>
  link.dhcp6 === true ? settingsOf(link['dhcp6-overrides'] ?? {}, undefined) : undefined;

import type { NetplanCommon } from '../schema/netplan.ts';
import type { DhcpSettings } from './model.ts';

type Overrides4 = NonNullable<NetplanCommon['dhcp4-overrides']>;
type Overrides6 = NonNullable<NetplanCommon['dhcp6-overrides']>;

const byCode = (map: Readonly<Record<string, string>> | undefined): (readonly [number, string])[] =>
  Object.entries(map ?? {})
    .map(([code, value]) => [Number(code), value] as const)
    .toSorted(([one], [other]) => one - other);

/** Text stays as it is; bytes have one form. */
const bytes = (value: string | undefined): string | undefined =>
  value?.startsWith('hex:') === true ? value.toLowerCase() : value;

/** Settings that both protocols have. */
const sharedOf = (overrides: Overrides4 | Overrides6) => ({
  metric: overrides['route-metric'],
  useDns: overrides['use-dns'],
  useDomains: overrides['use-domains'],
  useNtp: overrides['use-ntp'],
  sendHostname: overrides['send-hostname'],
  hostname: overrides.hostname,
  fqdn: overrides.fqdn,
  vendorClass: bytes(overrides['vendor-class']),
  userClass: bytes(overrides['user-class']),
});

export function dhcp4Of(link: NetplanCommon): DhcpSettings | undefined {
  if (link.dhcp4 !== true) return undefined;
  const overrides = link['dhcp4-overrides'] ?? {};
  return {
    ...sharedOf(overrides),
    useMtu: overrides['use-mtu'],
    useRoutes: overrides['use-routes'],
    clientId: bytes(overrides['client-id'] ?? link['dhcp-identifier']),
    rapidCommit: undefined,
    enterprise: undefined,
    requestOptions: byCode(overrides['request-options']).map(([code, type]) => ({ code, type })),
    sendOptions: byCode(overrides['send-options']).map(([code, value]) => ({
      code,
      value: bytes(value) ?? '',
    })),
  };
}

export function dhcp6Of(link: NetplanCommon): DhcpSettings | undefined {
  if (link.dhcp6 !== true) return undefined;
  const overrides = link['dhcp6-overrides'] ?? {};
  return {
    ...sharedOf(overrides),
    useMtu: undefined,
    useRoutes: undefined,
    clientId: undefined,
    rapidCommit: overrides['rapid-commit'],
    enterprise: overrides['enterprise-number'],
    requestOptions: [],
    sendOptions: [],
  };
}

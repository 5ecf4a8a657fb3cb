import { stringify } from 'yaml';

import type {
  Address,
  BondParameters,
  BridgeParameters,
  DhcpSettings,
  EthernetLink,
  Link,
  NetworkConfig,
  PortNumber,
  Route,
  Rule,
} from './model/model.ts';

type Value = string | number | boolean | undefined | readonly Value[] | Entries;
interface Entries {
  readonly [key: string]: Value;
}

const isNothing = (value: Value): boolean =>
  value === undefined ||
  (typeof value === 'object' && Object.values(value).every((inner) => inner === undefined));

/** Leaves out what has no value, and empty lists and maps. */
const given = (entries: Entries): Entries =>
  Object.fromEntries(Object.entries(entries).filter(([, value]) => !isNothing(value)));

const whenTrue = (value: boolean): true | undefined => (value ? true : undefined);
const time = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : `${value}ms`;

const options = (pairs: readonly (readonly [number, string])[]): Entries =>
  Object.fromEntries(pairs.map(([code, value]) => [String(code), value]));

const dhcpOf = (dhcp: DhcpSettings): Entries =>
  given({
    'route-metric': dhcp.metric,
    'use-dns': dhcp.useDns,
    'use-domains': dhcp.useDomains,
    'use-mtu': dhcp.useMtu,
    'use-ntp': dhcp.useNtp,
    'use-routes': dhcp.useRoutes,
    'send-hostname': dhcp.sendHostname,
    hostname: dhcp.hostname,
    fqdn: dhcp.fqdn,
    'client-id': dhcp.clientId,
    'vendor-class': dhcp.vendorClass,
    'user-class': dhcp.userClass,
    'rapid-commit': dhcp.rapidCommit,
    'enterprise-number': dhcp.enterprise,
    'request-options': options(dhcp.requestOptions.map(({ code, type }) => [code, type])),
    'send-options': options(dhcp.sendOptions.map(({ code, value }) => [code, value])),
  });

const addressOf = ({ address, label, deprecated }: Address): Value => {
  const extra = given({ label, lifetime: deprecated ? 0 : undefined });
  return Object.keys(extra).length === 0 ? address : { [address]: extra };
};

const routeOf = (route: Route): Entries =>
  given({
    to: route.to,
    via: route.via,
    from: route.from,
    'on-link': whenTrue(route.onLink),
    metric: route.metric,
    table: route.table,
    type: route.type === 'unicast' ? undefined : route.type,
    scope: route.scope,
    mtu: route.mtu,
    'advertised-mss': route.advertisedMss,
    'congestion-window': route.congestionWindow,
    'advertised-receive-window': route.advertisedReceiveWindow,
  });

const ruleOf = (rule: Rule): Entries =>
  given({
    from: rule.from,
    to: rule.to,
    table: rule.table,
    priority: rule.priority,
    mark: rule.mark,
    'type-of-service': rule.typeOfService,
  });

function settingsOf(link: Link): Entries {
  return {
    ...given({
      macaddress: link.macaddress,
      mtu: link.mtu,
      optional: whenTrue(link.optional),
      dhcp4: whenTrue(link.dhcp4 !== undefined),
      'dhcp4-overrides': link.dhcp4 && dhcpOf(link.dhcp4),
      dhcp6: whenTrue(link.dhcp6 !== undefined),
      'dhcp6-overrides': link.dhcp6 && dhcpOf(link.dhcp6),
      'accept-ra': link.acceptRa,
      'ra-overrides': given({
        'use-dns': link.ra.useDns,
        'use-domains': link.ra.useDomains,
      }),
      'ipv6-mtu': link.ipv6.mtu,
      'ipv6-privacy': link.ipv6.privacy,
      'ipv6-address-generation': link.ipv6.generation,
      'ipv6-address-token': link.ipv6.token,
    }),
    // An empty list says that no link-local address is wanted.
    ...(link.linkLocal.ipv6 ? {} : { 'link-local': [] }),
    ...given({
      addresses: link.addresses.map(addressOf),
      routes: link.routes.map(routeOf),
      'routing-policy': link.rules.map(ruleOf),
      nameservers: given({
        addresses: link.nameservers.length > 0 ? link.nameservers : undefined,
        search: link.search.length > 0 ? link.search : undefined,
      }),
    }),
  };
}

function matchOf({ id, match, setName }: EthernetLink): Entries {
  const { macaddress, drivers, name, path } = match;
  const isById = name === id && macaddress === undefined && path === undefined;
  if (isById && drivers.length === 0 && setName === undefined) return {};
  const [first, ...more] = drivers;
  const driver = more.length > 0 ? drivers : first;
  return { match: given({ macaddress, driver, name, path }), ...given({ 'set-name': setName }) };
}

const bondOf = (bond: BondParameters): Entries =>
  given({
    mode: bond.mode,
    'mii-monitor-interval': time(bond.miiMonitorInterval),
    'up-delay': time(bond.upDelay),
    'down-delay': time(bond.downDelay),
    'lacp-rate': bond.lacpRate,
    'ad-select': bond.adSelect,
    'min-links': bond.minLinks,
    'transmit-hash-policy': bond.transmitHashPolicy,
    'arp-interval': time(bond.arpInterval),
    'arp-ip-targets': bond.arpIpTargets,
    'arp-validate': bond.arpValidate,
    'arp-all-targets': bond.arpAllTargets,
    'fail-over-mac-policy': bond.failOverMacPolicy,
    'gratuitous-arp': bond.gratuitousArp,
    'packets-per-member': bond.packetsPerMember,
    'all-members-active': bond.allMembersActive,
    primary: bond.primary,
    'primary-reselect-policy': bond.primaryReselectPolicy,
    'resend-igmp': bond.resendIgmp,
    'learn-packet-interval': time(bond.learnPacketInterval),
  });

const ports = (values: readonly PortNumber[]): Entries =>
  Object.fromEntries(values.map(({ port, value }) => [port, value]));

const bridgeOf = (bridge: BridgeParameters): Entries =>
  given({
    priority: bridge.priority,
    'ageing-time': time(bridge.ageingTime),
    'forward-delay': time(bridge.forwardDelay),
    'hello-time': time(bridge.helloTime),
    'max-age': time(bridge.maxAge),
    'path-cost': ports(bridge.pathCost),
    'port-priority': ports(bridge.portPriority),
  });

function linkOf(link: Link): Entries {
  switch (link.kind) {
    case 'ethernet':
      return { ...matchOf(link), ...settingsOf(link) };
    case 'vlan':
      return { id: link.vlan, link: link.link, ...settingsOf(link) };
    case 'bond':
      return {
        interfaces: link.interfaces,
        parameters: bondOf(link.parameters),
        ...settingsOf(link),
      };
    case 'bridge':
      return {
        interfaces: link.interfaces,
        parameters: bridgeOf(link.parameters),
        ...settingsOf(link),
      };
  }
}

function section(links: readonly Link[], kind: Link['kind']): Entries | undefined {
  const chosen = links
    .filter((link) => link.kind === kind)
    .toSorted((one, other) => (one.id < other.id ? -1 : 1))
    .map((link) => [link.id, linkOf(link)] as const);
  return chosen.length === 0 ? undefined : Object.fromEntries(chosen);
}

/** Writes a configuration as netplan reads it, in one order whatever the order of the file was. */
export function renderNetworkConfig({ links, pods }: NetworkConfig): string {
  const sections = {
    ethernets: section(links, 'ethernet'),
    bonds: section(links, 'bond'),
    bridges: section(links, 'bridge'),
    vlans: section(links, 'vlan'),
  };
  const network = { version: 2, ...given(sections) };
  // Addresses with colons and words such as `yes` are quoted for readers of YAML 1.1 too.
  return stringify(given({ network, pods: pods && { ...pods } }), {
    version: '1.1',
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}

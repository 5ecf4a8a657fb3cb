import type { Path, Report } from '../fault.ts';
import type { Section } from '../schema/netplan.ts';
import type { V1Device, V1Item, V1Route, V1Subnet } from '../schema/v1.ts';
import { contains, parseCidr, parseIp, prefixOf } from '../values/ip.ts';
import { isReserved } from '../values/names.ts';
import { Conversion, destination, type LinkConversion, onLink, withMask } from './conversion.ts';
import { bondParameters, bridgeParameters } from './v1-parameters.ts';

const listOf = (value: string | readonly string[] | undefined): readonly string[] => {
  if (value === undefined) return [];
  return typeof value === 'string' ? value.split(/[\s,]+/).filter((word) => word !== '') : value;
};

function addRoute(link: LinkConversion, route: V1Route, origin: Path): void {
  const { network, destination: to, netmask, gateway, metric } = route;
  const key = to === undefined ? 'network' : 'destination';
  link.add(
    ['routes'],
    {
      to: destination(to ?? network, netmask),
      ...(gateway === undefined
        ? { scope: 'link' }
        : { via: gateway, ...onLink(gateway, link.addresses) }),
      ...(metric === undefined ? {} : { metric }),
    },
    network === undefined && to === undefined ? origin : [...origin, key],
  );
}

/** What a type of subnet switches on. */
const SWITCHES: Readonly<Record<V1Subnet['type'], readonly string[]>> = {
  dhcp: ['dhcp4'],
  dhcp4: ['dhcp4'],
  dhcp6: ['dhcp6'],
  'ipv6_dhcpv6-stateful': ['dhcp6'],
  'ipv6_dhcpv6-stateless': ['dhcp6', 'accept-ra'],
  ipv6_slaac: ['accept-ra'],
  static: [],
  static4: [],
  static6: [],
  manual: [],
  loopback: [],
};

/** Gateway and routes of a subnet. */
function addRoutes(link: LinkConversion, subnet: V1Subnet, origin: Path): void {
  const { gateway, metric, routes = [] } = subnet;
  const weight = metric === undefined ? {} : { metric };
  if (gateway !== undefined) addRoute(link, { gateway, ...weight }, [...origin, 'gateway']);
  for (const [index, route] of routes.entries())
    addRoute(link, route, [...origin, 'routes', index]);
}

function addNames(link: LinkConversion, subnet: V1Subnet, origin: Path): void {
  for (const server of listOf(subnet.dns_nameservers))
    link.add(['nameservers', 'addresses'], server, [...origin, 'dns_nameservers']);
  for (const name of listOf(subnet.dns_search))
    link.add(['nameservers', 'search'], name, [...origin, 'dns_search']);
}

function addSubnet(link: LinkConversion, subnet: V1Subnet, origin: Path, report: Report): void {
  const { type, address, netmask, metric } = subnet;
  for (const key of SWITCHES[type]) link.set([key], 'true', [...origin, 'type']);
  if (SWITCHES[type].includes('dhcp4'))
    link.set(['dhcp4-overrides', 'route-metric'], metric, [...origin, 'metric']);
  if (subnet.control === 'manual') link.set(['optional'], 'true', [...origin, 'control']);
  const within = address === undefined ? undefined : parseCidr(address);
  if (within !== undefined && netmask !== undefined && prefixOf(netmask) !== within.prefix)
    report(
      [...origin, 'netmask'],
      `is not that of the address, whose length is ${within.prefix}: ${netmask}`,
      'Leave it out, or correct one of them.',
    );
  if (address !== undefined)
    link.add(['addresses'], withMask(address, netmask), [...origin, 'address']);
  else if (type.startsWith('static'))
    report([...origin, 'address'], 'is missing', 'Add it, or write type: dhcp4.');
  addRoutes(link, subnet, origin);
  addNames(link, subnet, origin);
}

const SECTIONS: Readonly<Record<V1Device['type'], Section>> = {
  physical: 'ethernets',
  loopback: 'ethernets',
  bond: 'bonds',
  bridge: 'bridges',
  vlan: 'vlans',
};

function addKind(link: LinkConversion, device: V1Device, origin: Path, report: Report): void {
  const { mac_address: mac, name } = device;
  if (device.type === 'physical' && mac !== undefined) {
    link.set(['match', 'macaddress'], mac, [...origin, 'mac_address']);
    link.set(['set-name'], name, [...origin, 'name']);
  } else link.set(['macaddress'], mac, [...origin, 'mac_address']);
  if (device.type === 'vlan') {
    link.set(['id'], device.vlan_id, [...origin, 'vlan_id']);
    link.set(['link'], device.vlan_link, [...origin, 'vlan_link']);
  }
  addMembers(link, device, origin, report);
}

function addMembers(link: LinkConversion, device: V1Device, origin: Path, report: Report): void {
  if (device.type !== 'bond' && device.type !== 'bridge') return;
  const [key, members = []] =
    device.type === 'bond'
      ? ['bond_interfaces', device.bond_interfaces]
      : ['bridge_interfaces', device.bridge_interfaces];
  for (const [index, member] of members.entries())
    link.add(['interfaces'], member, [...origin, key, index]);
  const convert = device.type === 'bond' ? bondParameters : bridgeParameters;
  convert(link, device.params ?? {}, [...origin, 'params'], report);
}

function addDevice(
  conversion: Conversion,
  device: V1Device,
  origin: Path,
  report: Report,
): LinkConversion {
  const link = conversion.link(SECTIONS[device.type], device.name, origin);
  addKind(link, device, origin, report);
  link.set(['mtu'], device.mtu ?? undefined, [...origin, 'mtu']);
  link.set(['optional'], device.optional, [...origin, 'optional']);
  const ra = device['accept-ra'] === undefined ? 'accept_ra' : 'accept-ra';
  link.set(['accept-ra'], device[ra], [...origin, ra]);
  for (const [index, subnet] of (device.subnets ?? []).entries())
    addSubnet(link, subnet, [...origin, 'subnets', index], report);
  return link;
}

/** A route for no link goes to the one whose network has the gateway. */
function placeRoute(
  links: ReadonlyMap<string, LinkConversion>,
  route: V1Route,
  origin: Path,
  report: Report,
): void {
  const gateway = parseIp(route.gateway ?? '');
  const link = [...links.values()].find(({ addresses }) =>
    addresses.some((address) => {
      const cidr = parseCidr(address);
      return cidr !== undefined && gateway !== undefined && contains(cidr, gateway);
    }),
  );
  if (link !== undefined) addRoute(link, route, origin);
  else
    report(
      [...origin, 'gateway'],
      `is in no network of a link: ${route.gateway ?? 'none is given'}`,
      'Write the route below routes of a subnet.',
    );
}

function placeNameservers(
  links: ReadonlyMap<string, LinkConversion>,
  item: Extract<V1Item, { type: 'nameserver' }>,
  origin: Path,
  report: Report,
): void {
  const { interface: name } = item;
  const named = name === undefined ? undefined : links.get(name);
  if (name !== undefined && named === undefined)
    report(
      [...origin, 'interface'],
      `names a link that the file does not have: ${name}`,
      'Correct the name.',
    );
  const targets =
    named === undefined ? [...links.values()].filter((link) => link.hasAddresses) : [named];
  for (const link of targets) {
    for (const server of listOf(item.address))
      link.add(['nameservers', 'addresses'], server, [...origin, 'address']);
    for (const domain of listOf(item.search))
      link.add(['nameservers', 'search'], domain, [...origin, 'search']);
  }
}

function addDevices(
  conversion: Conversion,
  items: readonly (V1Item | undefined)[],
  base: Path,
  report: Report,
): ReadonlyMap<string, LinkConversion> {
  const links = new Map<string, LinkConversion>();
  for (const [index, item] of items.entries()) {
    if (item === undefined || !('name' in item)) continue;
    const { name } = item;
    const origin = [...base, 'config', index];
    const at = [...origin, 'name'];
    if (links.has(name)) report(at, `is the name of another entry too: ${name}`, 'Join the two.');
    else if (isReserved(name)) report(at, `is no name of a link: ${name}`, 'Use another name.');
    else links.set(name, addDevice(conversion, item, origin, report));
  }
  return links;
}

/** Converts cloud-init's version 1; `base` is the path of its map. */
export function convertV1(
  items: readonly (V1Item | undefined)[],
  base: Path,
  report: Report,
): Conversion {
  const conversion = new Conversion();
  const links = addDevices(conversion, items, base, report);
  for (const [index, item] of items.entries()) {
    const origin = [...base, 'config', index];
    if (item?.type === 'route') placeRoute(links, item, origin, report);
    if (item?.type === 'nameserver') placeNameservers(links, item, origin, report);
  }
  return conversion;
}

import { isMap, type Tree } from '../document/tree.ts';
import type { Path, Report } from '../fault.ts';
import type { NetworkData, OpenStackLink, OpenStackNetwork } from '../schema/openstack.ts';
import { NO_NETMASK } from '../schema/scalars.ts';
import { type Family, parseIp, prefixOf } from '../values/ip.ts';
import { isReserved, nameFault } from '../values/names.ts';
import { Conversion, destination, type LinkConversion, onLink, withMask } from './conversion.ts';

/** Removes nulls and empty texts, which OpenStack writes for what it does not know. */
export function withoutNulls(tree: Tree): Tree {
  if (Array.isArray(tree)) return tree.map(withoutNulls);
  if (!isMap(tree)) return tree;
  const known = Object.entries(tree).filter(([, value]) => value !== null && value !== '');
  return Object.fromEntries(known.map(([key, value]) => [key, withoutNulls(value)]));
}

/** Names of the links that are made: OpenStack's ids where they are names, else counted ones. */
function namesOf(links: readonly OpenStackLink[]): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const taken = new Set(links.map(({ id }) => id));
  for (const { id, type, vlan_id: vlan } of links) {
    const isMade = type === 'bond' || type === 'vlan';
    if (!isMade || nameFault(id) === undefined) {
      names.set(id, id);
      continue;
    }
    const stem = type === 'vlan' ? `vlan${vlan ?? ''}` : 'bond';
    let name = type === 'vlan' ? stem : 'bond0';
    for (let count = 1; taken.has(name); count += 1)
      name = `${stem}${type === 'vlan' ? '.' : ''}${count}`;
    taken.add(name);
    names.set(id, name);
  }
  return names;
}

function addBond(
  target: LinkConversion,
  link: OpenStackLink,
  names: ReadonlyMap<string, string>,
  origin: Path,
): void {
  for (const [index, id] of (link.bond_links ?? []).entries())
    target.add(['interfaces'], names.get(id) ?? id, [...origin, 'bond_links', index]);
  target.set(['parameters', 'mode'], link.bond_mode, [...origin, 'bond_mode']);
  target.set(['parameters', 'mii-monitor-interval'], link.bond_miimon, [...origin, 'bond_miimon']);
  target.set(['parameters', 'transmit-hash-policy'], link.bond_xmit_hash_policy, [
    ...origin,
    'bond_xmit_hash_policy',
  ]);
  target.set(['macaddress'], link.ethernet_mac_address, [...origin, 'ethernet_mac_address']);
}

/** A name is not in OpenStack's format, but cloud-init takes it where a link has no MAC. */
function addMatch(card: LinkConversion, link: OpenStackLink, origin: Path, report: Report): void {
  const { ethernet_mac_address: mac, name } = link;
  if (mac !== undefined)
    card.set(['match', 'macaddress'], mac, [...origin, 'ethernet_mac_address']);
  else if (name !== undefined) card.set(['match', 'name'], name, [...origin, 'name']);
  else
    report(
      [...origin, 'ethernet_mac_address'],
      'is missing',
      'Without it no card can be told to be this one.',
    );
}

function addLink(
  conversion: Conversion,
  link: OpenStackLink,
  names: ReadonlyMap<string, string>,
  origin: Path,
  report: Report,
): LinkConversion {
  const name = names.get(link.id) ?? link.id;
  if (link.type === 'bond') {
    const bond = conversion.link('bonds', name, origin);
    addBond(bond, link, names, origin);
    return bond;
  }
  if (link.type === 'vlan') {
    const vlan = conversion.link('vlans', name, origin);
    vlan.set(['id'], link.vlan_id, [...origin, 'vlan_id']);
    vlan.set(
      ['link'],
      link.vlan_link === undefined ? undefined : (names.get(link.vlan_link) ?? link.vlan_link),
      [...origin, 'vlan_link'],
    );
    vlan.set(['macaddress'], link.vlan_mac_address, [...origin, 'vlan_mac_address']);
    return vlan;
  }
  const card = conversion.link('ethernets', name, origin);
  addMatch(card, link, origin, report);
  return card;
}

/** What a type of network switches on. */
const SWITCHES: Readonly<Record<string, readonly string[]>> = {
  ipv4: [],
  ipv6: [],
  static: [],
  static6: [],
  ipv4_dhcp: ['dhcp4'],
  ipv6_dhcp: ['dhcp6'],
  ipv6_slaac: ['accept-ra'],
  'ipv6_dhcpv6-stateful': ['dhcp6'],
  'ipv6_dhcpv6-stateless': ['dhcp6', 'accept-ra'],
};

/** A gateway that is no address, as OpenStack also writes it, says that there is none. */
const routerOf = ({ gateway }: { readonly gateway?: string | undefined }): string | undefined =>
  gateway === undefined || ['0.0.0.0', '::'].includes(gateway) ? undefined : gateway;

const familyOf = (via: Tree | undefined): Family | undefined =>
  typeof via === 'string' ? parseIp(via)?.family : undefined;

/**
 * Adds a route unless the link has one to the destination: each subnet of a port has its router, and the kernel keeps
 * one. The first one is that of the port's first address.
 */
function addRoute(link: LinkConversion, to: string, via: string | undefined, origin: Path): void {
  const isThere = link.routes.some(
    (each) => each['to'] === to && familyOf(each['via']) === familyOf(via),
  );
  const way = via === undefined ? { scope: 'link' } : { via, ...onLink(via, link.addresses) };
  if (!isThere) link.add(['routes'], { to, ...way }, origin);
}

function addAddress(
  link: LinkConversion,
  network: OpenStackNetwork,
  origin: Path,
  report: Report,
): void {
  const { ip_address: address, netmask, routes = [] } = network;
  const gateway = routerOf(network);
  if (address === undefined)
    report([...origin, 'ip_address'], 'is missing', 'Add it, or write the type of a DHCP network.');
  else if (netmask !== undefined && prefixOf(netmask) === undefined)
    report([...origin, 'netmask'], ...NO_NETMASK);
  else link.add(['addresses'], withMask(address, netmask), [...origin, 'ip_address']);
  const all = [...routes.entries()].map(([index, route]) => ({
    route,
    at: [...origin, 'routes', index],
  }));
  const hasDefault = all.some(
    ({ route }) => destination(route.network, route.netmask) === 'default',
  );
  for (const { route, at } of all) {
    const to = destination(route.network, route.netmask);
    const via = routerOf(route);
    // The default route of a network without a router is none.
    if (to !== 'default' || via !== undefined) addRoute(link, to, via, at);
  }
  if (gateway !== undefined && !hasDefault)
    addRoute(link, 'default', gateway, [...origin, 'gateway']);
}

function addNetwork(
  link: LinkConversion,
  network: OpenStackNetwork,
  origin: Path,
  report: Report,
): void {
  const type = network.type ?? 'ipv4';
  const switches = Object.hasOwn(SWITCHES, type) ? SWITCHES[type] : undefined;
  if (switches === undefined) {
    report(
      [...origin, 'type'],
      `is not a known type of network: ${type}`,
      `Known types: ${Object.keys(SWITCHES).join(', ')}.`,
    );
    return;
  }
  for (const key of switches) link.set([key], 'true', [...origin, 'type']);
  // With DHCP the server gives the address, and the one in the file is for information.
  if (!switches.some((key) => key.startsWith('dhcp') || key === 'accept-ra'))
    addAddress(link, network, origin, report);
  addNameservers(link, network, origin);
}

function addNameservers(link: LinkConversion, network: OpenStackNetwork, origin: Path): void {
  const keys = ['nameservers', 'addresses'];
  const services = (network.services ?? []).filter((service) => service.type === 'dns');
  for (const [index, { address }] of services.entries())
    if (address !== undefined) link.add(keys, address, [...origin, 'services', index]);
  for (const [index, address] of (network.dns_nameservers ?? []).entries())
    link.add(keys, address, [...origin, 'dns_nameservers', index]);
}

function addLinks(
  conversion: Conversion,
  { links }: NetworkData,
  report: Report,
): ReadonlyMap<string, LinkConversion> {
  const names = namesOf(links);
  const made = new Map<string, LinkConversion>();
  for (const [index, link] of links.entries()) {
    const origin = ['links', index];
    if (made.has(link.id))
      report(
        [...origin, 'id'],
        `is the id of another link too: ${link.id}`,
        'Remove one of the two.',
      );
    else if (isReserved(link.id))
      report([...origin, 'id'], `is no name of a link: ${link.id}`, 'Use another name.');
    else {
      const target = addLink(conversion, link, names, origin, report);
      // A network that says no MTU has one of 0.
      target.set(['mtu'], link.mtu === '0' ? undefined : link.mtu, [...origin, 'mtu']);
      made.set(link.id, target);
    }
  }
  return made;
}

/** Servers for no network go to every link that has addresses. */
function addServices(
  links: ReadonlyMap<string, LinkConversion>,
  services: NetworkData['services'] = [],
): void {
  for (const [index, { type, address }] of services.entries()) {
    if (type !== 'dns' || address === undefined) continue;
    for (const link of links.values())
      if (link.hasAddresses) link.add(['nameservers', 'addresses'], address, ['services', index]);
  }
}

/** Converts OpenStack's network_data.json. */
export function convertOpenStack(data: NetworkData, report: Report): Conversion {
  const conversion = new Conversion();
  const links = addLinks(conversion, data, report);
  for (const [index, network] of (data.networks ?? []).entries()) {
    const link = links.get(network.link);
    const origin = ['networks', index];
    if (link === undefined)
      report(
        [...origin, 'link'],
        `names a link that the file does not have: ${network.link}`,
        'Correct the name.',
      );
    else addNetwork(link, network, origin, report);
  }
  addServices(links, data.services);
  return conversion;
}

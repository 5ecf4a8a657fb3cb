import type {
  NetplanCommon,
  NetplanEthernet,
  NetplanNetwork,
  NetplanVlan,
} from '../schema/netplan.ts';
import { dhcp4Of, dhcp6Of } from './dhcp.ts';
import { bondParametersOf, bridgeParametersOf } from './masters.ts';
import type { EthernetLink, Link, LinkSettings, VlanLink } from './model.ts';
import { addressesOf, routesOf, rulesOf } from './routes.ts';

/** Without the key a link has an IPv6 address of its own, as every link that the kernel brings up. */
const linkLocalOf = ({ 'link-local': families = ['ipv6'] }: NetplanCommon) => ({
  ipv6: families.includes('ipv6'),
});

const raOf = ({ 'ra-overrides': overrides = {} }: NetplanCommon) => ({
  useDns: overrides['use-dns'],
  useDomains: overrides['use-domains'],
});

const settingsOf = (id: string, link: NetplanCommon): LinkSettings => ({
  id,
  dhcp4: dhcp4Of(link),
  dhcp6: dhcp6Of(link),
  addresses: addressesOf(link),
  routes: routesOf(link),
  rules: rulesOf(link),
  nameservers: link.nameservers?.addresses ?? [],
  search: link.nameservers?.search ?? [],
  mtu: link.mtu,
  macaddress: link.macaddress,
  linkLocal: linkLocalOf(link),
  acceptRa: link['accept-ra'],
  ra: raOf(link),
  ipv6: {
    mtu: link['ipv6-mtu'],
    privacy: link['ipv6-privacy'],
    generation: link['ipv6-address-generation'],
    token: link['ipv6-address-token'],
  },
  optional: link.optional ?? false,
});

function ethernetOf(id: string, link: NetplanEthernet): EthernetLink {
  const { match } = link;
  const drivers = match?.driver ?? [];
  return {
    kind: 'ethernet',
    match: {
      macaddress: match?.macaddress,
      drivers: typeof drivers === 'string' ? [drivers] : drivers,
      name: match === undefined ? id : match.name,
      path: match?.path,
    },
    setName: link['set-name'],
    ...settingsOf(id, link),
  };
}

const vlanOf = (id: string, link: NetplanVlan): VlanLink => ({
  kind: 'vlan',
  vlan: link.id,
  link: link.link,
  ...settingsOf(id, link),
});

/** The ids of the links that a link is made of. */
export function lowerLinks(link: Link): readonly string[] {
  if (link.kind === 'vlan') return [link.link];
  return link.kind === 'ethernet' ? [] : link.interfaces;
}

/** Puts each link behind those that it is made of; links in a loop, a fault found elsewhere, come last. */
function inOrder(links: readonly Link[]): Link[] {
  let waiting = links.toSorted((one, other) => (one.id < other.id ? -1 : 1));
  const ordered: Link[] = [];
  while (waiting.length > 0) {
    const blocked = new Set(waiting.map(({ id }) => id));
    const ready = waiting.filter((link) => lowerLinks(link).every((id) => !blocked.has(id)));
    if (ready.length === 0) break;
    ordered.push(...ready);
    waiting = waiting.filter((link) => !ready.includes(link));
  }
  return [...ordered, ...waiting];
}

export function linksOf(network: NetplanNetwork): Link[] {
  return inOrder([
    ...Object.entries(network.ethernets ?? {}).map(([id, link]) => ethernetOf(id, link)),
    ...Object.entries(network.vlans ?? {}).map(([id, link]) => vlanOf(id, link)),
    ...Object.entries(network.bonds ?? {}).map(([id, link]): Link => ({
      kind: 'bond',
      interfaces: link.interfaces ?? [],
      parameters: bondParametersOf(link),
      ...settingsOf(id, link),
    })),
    ...Object.entries(network.bridges ?? {}).map(([id, link]): Link => ({
      kind: 'bridge',
      interfaces: link.interfaces ?? [],
      parameters: bridgeParametersOf(link),
      ...settingsOf(id, link),
    })),
  ]);
}

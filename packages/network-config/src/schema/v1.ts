import * as v from 'valibot';

import { isFalse, netmask, refused } from './scalars.ts';

/*
 * Form of cloud-init's version 1. Values are checked when they stand in the netplan tree.
 */

const scalar = v.string();
const words = v.lazy((input) => (Array.isArray(input) ? v.array(scalar) : scalar));

const route = v.object({
  network: v.optional(scalar),
  destination: v.optional(scalar),
  netmask: v.optional(netmask),
  gateway: v.optional(scalar),
  metric: v.optional(scalar),
});

const subnet = v.object({
  type: v.picklist(
    [
      'dhcp',
      'dhcp4',
      'dhcp6',
      'static',
      'static4',
      'static6',
      'manual',
      'loopback',
      'ipv6_slaac',
      'ipv6_dhcpv6-stateful',
      'ipv6_dhcpv6-stateless',
    ],
    'is not a known type of subnet\nWrite dhcp4, dhcp6, static, static6, manual or ipv6_slaac.',
  ),
  control: v.optional(scalar),
  address: v.optional(scalar),
  netmask: v.optional(netmask),
  broadcast: v.optional(scalar),
  gateway: v.optional(scalar),
  metric: v.optional(scalar),
  dns_nameservers: v.optional(words),
  dns_search: v.optional(words),
  routes: v.optional(v.array(route)),
  ipv4: v.optional(scalar),
  ipv6: v.optional(scalar),
});

const device = {
  name: scalar,
  mac_address: v.optional(scalar),
  mtu: v.nullish(scalar),
  'accept-ra': v.optional(scalar),
  accept_ra: v.optional(scalar),
  optional: v.optional(scalar),
  subnets: v.optional(v.array(subnet)),
};
const parameters = v.optional(v.record(v.string(), words));

const physical = v.object({
  type: v.picklist(['physical', 'loopback']),
  ...device,
  wakeonlan: refused(
    'kiOS leaves the features of a card as its driver sets them',
    'Remove it.',
    isFalse,
  ),
});
const bond = v.object({
  type: v.literal('bond'),
  ...device,
  bond_interfaces: v.optional(v.array(scalar)),
  params: parameters,
});
const bridge = v.object({
  type: v.literal('bridge'),
  ...device,
  bridge_interfaces: v.optional(v.array(scalar)),
  params: parameters,
});
const vlan = v.object({ type: v.literal('vlan'), ...device, vlan_link: scalar, vlan_id: scalar });
const nameserver = v.object({
  type: v.literal('nameserver'),
  address: v.optional(words),
  search: v.optional(words),
  interface: v.optional(scalar),
});
const globalRoute = v.object({
  type: v.literal('route'),
  id: v.optional(scalar),
  ...route.entries,
});
const other = v.looseObject({
  type: v.picklist(
    ['physical', 'loopback', 'bond', 'bridge', 'vlan', 'nameserver', 'route'],
    'is not a known type\nWrite physical, bond, bridge, vlan, nameserver or route.',
  ),
});

const ITEMS = { physical, loopback: physical, bond, bridge, vlan, nameserver, route: globalRoute };

const isKnown = (type: unknown): type is keyof typeof ITEMS =>
  typeof type === 'string' && Object.hasOwn(ITEMS, type);

function schemaFor(input: unknown): (typeof ITEMS)[keyof typeof ITEMS] | typeof other {
  const type =
    typeof input === 'object' && input !== null && 'type' in input ? input.type : undefined;
  return isKnown(type) ? ITEMS[type] : other;
}

export const networkV1 = v.object({
  version: v.literal('1'),
  config: v.array(v.lazy(schemaFor)),
});

type V1Entry = v.InferOutput<typeof networkV1>['config'][number];

/** Narrows an entry to those that a node has a use for; others have a fault. */
export const isV1Item = (entry: V1Entry | undefined): entry is V1Item => isKnown(entry?.type);

export type V1Item = v.InferOutput<(typeof ITEMS)[keyof typeof ITEMS]>;
export type V1Device = Extract<V1Item, { name: string }>;
export type V1Subnet = v.InferOutput<typeof subnet>;
export type V1Route = v.InferOutput<typeof route>;

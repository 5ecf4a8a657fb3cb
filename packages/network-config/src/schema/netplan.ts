import * as v from 'valibot';

import { dhcp4Overrides, dhcp6Overrides, raOverrides } from './dhcp.ts';
import { bondParameters, bridgeParameters } from './masters.ts';
import { route, rule } from './routes.ts';
import {
  bool,
  domain,
  int,
  ip,
  ipv4,
  ipv6,
  isEmpty,
  isFalse,
  mac,
  oneOf,
  ownAddress,
  ownMac,
  refused,
  text,
} from './scalars.ts';

const addressOptions = v.object({
  label: v.optional(
    v.pipe(text, v.maxLength(15, 'is longer than 15 bytes\nChoose a shorter label.')),
  ),
  lifetime: v.optional(oneOf(['forever', '0'] as const)),
});

/** An address alone, or one with options behind it. */
const address = v.lazy((input) =>
  typeof input === 'string'
    ? ownAddress
    : v.pipe(
        v.record(ownAddress, addressOptions),
        v.check(
          (map) => Object.keys(map).length === 1,
          'has not exactly one address\nWrite each address as an entry of its own.',
        ),
      ),
);

const OFFLOAD = 'kiOS leaves the features of a card as its driver sets them';
const offload = refused(OFFLOAD, 'Remove it.');
const RENDERER_REMEDY = 'Write networkd, or remove it: the node has its own agent.';
const renderer = v.optional(
  v.pipe(
    v.string(),
    v.check(
      (name) => name !== 'NetworkManager',
      `is refused: the node has no NetworkManager\n${RENDERER_REMEDY}`,
    ),
    v.check(
      (name) => name === 'networkd' || name === 'NetworkManager',
      `is not a known value\n${RENDERER_REMEDY}`,
    ),
  ),
);

const linkLocal = v.pipe(
  v.string(),
  v.check(
    (family) => family !== 'ipv4',
    'is refused: an address of 169.254/16 leads to no other network\nRemove ipv4; for the metadata service of a cloud, docs/dhcp.md has ipv4llMetadata.',
  ),
);

/** Keys of every link. */
const common = {
  dhcp4: v.optional(bool),
  dhcp6: v.optional(bool),
  'dhcp4-overrides': v.optional(dhcp4Overrides),
  'dhcp6-overrides': v.optional(dhcp6Overrides),
  'dhcp-identifier': v.optional(oneOf(['mac', 'duid'] as const)),
  'accept-ra': v.optional(bool),
  'ra-overrides': v.optional(raOverrides),
  addresses: v.optional(v.array(address)),
  gateway4: v.optional(ipv4),
  gateway6: v.optional(ipv6),
  routes: v.optional(v.array(route)),
  'routing-policy': v.optional(v.array(rule)),
  nameservers: v.optional(
    v.object({ addresses: v.optional(v.array(ip)), search: v.optional(v.array(domain)) }),
  ),
  mtu: v.optional(int(68, 65_535)),
  'ipv6-mtu': v.optional(int(1280, 65_535)),
  'ipv6-privacy': v.optional(bool),
  'ipv6-address-generation': v.optional(oneOf(['eui64', 'stable-privacy'] as const)),
  'ipv6-address-token': v.optional(ipv6),
  'link-local': v.optional(v.array(v.pipe(linkLocal, oneOf(['ipv6'] as const)))),
  macaddress: v.optional(ownMac),
  optional: v.optional(bool),
  critical: v.optional(bool),
  renderer,
  'optional-addresses': refused(
    'a boot does not wait for single addresses',
    'Write optional: true for a link that may be without an address.',
  ),
  'activation-mode': refused(
    'nobody logs in to a node to set a link up',
    'Remove the link, or write optional: true.',
  ),
  'ignore-carrier': refused('addresses stay when a cable is pulled anyway', 'Remove it.', isFalse),
  'emit-lldp': refused('the node has no LLDP daemon', 'Remove it, and run one as a pod.', isFalse),
  openvswitch: refused(
    'Open vSwitch runs as a pod',
    'Remove it, and let the pod have the link.',
    isEmpty,
  ),
  networkmanager: refused('the node has no NetworkManager', 'Remove it.'),
  'neigh-suppress': refused('it belongs to VXLAN', 'Remove it.'),
  hairpin: refused('it is set by whoever manages the bridge', 'Remove it.'),
  'port-mac-learning': refused('it is set by whoever manages the bridge', 'Remove it.'),
};

export const ethernet = v.object({
  match: v.optional(
    v.object({
      macaddress: v.optional(mac),
      driver: v.optional(v.lazy((input) => (Array.isArray(input) ? v.array(text) : text))),
      name: v.optional(text),
      path: v.optional(text),
    }),
  ),
  'set-name': v.optional(text),
  ...common,
  wakeonlan: refused(
    'kiOS leaves the features of a card as its driver sets them',
    'Remove it.',
    isFalse,
  ),
  'receive-checksum-offload': offload,
  'transmit-checksum-offload': offload,
  'tcp-segmentation-offload': offload,
  'tcp6-segmentation-offload': offload,
  'generic-segmentation-offload': offload,
  'generic-receive-offload': offload,
  'large-receive-offload': offload,
  auth: refused(
    'the node has no supplicant for 802.1X',
    'Remove it, and let the switch take the port by its MAC.',
  ),
  link: refused('virtual functions are made by a device plug-in', 'Remove it.'),
  'virtual-function-count': refused('virtual functions are made by a device plug-in', 'Remove it.'),
  'embedded-switch-mode': refused('virtual functions are made by a device plug-in', 'Remove it.'),
  'delay-virtual-functions-rebind': refused(
    'virtual functions are made by a device plug-in',
    'Remove it.',
  ),
  'infiniband-mode': refused('InfiniBand is not supported', 'Remove the link.'),
});

export const vlan = v.object({ id: int(1, 4094), link: text, ...common });

const members = v.optional(v.array(text));

export const bond = v.object({
  interfaces: members,
  parameters: v.optional(bondParameters),
  ...common,
});

export const bridge = v.object({
  interfaces: members,
  parameters: v.optional(bridgeParameters),
  ...common,
});

const tunnel = 'tunnels are made by the cluster’s network';
const REMOVE = 'Remove the section.';

export const network = v.object({
  version: v.picklist(['2'], 'is not a known version\nWrite 2, or 1 with a config list.'),
  renderer,
  ethernets: v.optional(v.record(v.string(), ethernet)),
  vlans: v.optional(v.record(v.string(), vlan)),
  bonds: v.optional(v.record(v.string(), bond)),
  bridges: v.optional(v.record(v.string(), bridge)),
  wifis: refused(
    'the node has no supplicant, and its keys would lie on the medium',
    'Use a cable, and remove the section.',
    isEmpty,
  ),
  modems: refused('the node has no modem manager', REMOVE, isEmpty),
  tunnels: refused(tunnel, REMOVE, isEmpty),
  vrfs: refused(
    'kubelet and containerd run in one routing domain',
    'Use tables with routing-policy.',
    isEmpty,
  ),
  'dummy-devices': refused('a pod can make one', REMOVE, isEmpty),
  'virtual-ethernets': refused('a pod can make one', REMOVE, isEmpty),
  'nm-devices': refused('the node has no NetworkManager', REMOVE, isEmpty),
  openvswitch: refused('Open vSwitch runs as a pod', REMOVE, isEmpty),
});

/** Sections of links, and the schema of one link in each. */
export const SECTIONS = { ethernets: ethernet, vlans: vlan, bonds: bond, bridges: bridge } as const;
export type Section = keyof typeof SECTIONS;
export const SECTION_NAMES = [
  'ethernets',
  'vlans',
  'bonds',
  'bridges',
] as const satisfies readonly Section[];

export type NetplanNetwork = v.InferOutput<typeof network>;
export type NetplanEthernet = v.InferOutput<typeof ethernet>;
export type NetplanVlan = v.InferOutput<typeof vlan>;
export type NetplanBond = v.InferOutput<typeof bond>;
export type NetplanBridge = v.InferOutput<typeof bridge>;
export type NetplanRoute = v.InferOutput<typeof route>;
export type NetplanRule = v.InferOutput<typeof rule>;
export type NetplanCommon = Omit<NetplanVlan, 'id' | 'link'>;

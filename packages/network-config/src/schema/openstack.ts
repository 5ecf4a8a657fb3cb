import * as v from 'valibot';

/*
 * Form of OpenStack's network_data.json. A cloud writes it, so that keys that kiOS does not know are no slip of a
 * person: they are left alone, and null and an empty text are as good as nothing.
 */

const scalar = v.optional(v.string());
const route = v.looseObject({ network: scalar, netmask: scalar, gateway: scalar });
const service = v.looseObject({ type: scalar, address: scalar });

export const networkData = v.looseObject({
  links: v.array(
    v.looseObject({
      id: v.string(),
      type: scalar,
      name: scalar,
      ethernet_mac_address: scalar,
      mtu: scalar,
      bond_links: v.optional(v.array(v.string())),
      bond_mode: scalar,
      bond_miimon: scalar,
      bond_xmit_hash_policy: scalar,
      vlan_id: scalar,
      vlan_link: scalar,
      vlan_mac_address: scalar,
    }),
  ),
  networks: v.optional(
    v.array(
      v.looseObject({
        type: scalar,
        link: v.string(),
        ip_address: scalar,
        netmask: scalar,
        gateway: scalar,
        routes: v.optional(v.array(route)),
        services: v.optional(v.array(service)),
        dns_nameservers: v.optional(v.array(v.string())),
      }),
    ),
  ),
  services: v.optional(v.array(service)),
});

export type NetworkData = v.InferOutput<typeof networkData>;
export type OpenStackLink = NetworkData['links'][number];
export type OpenStackNetwork = NonNullable<NetworkData['networks']>[number];

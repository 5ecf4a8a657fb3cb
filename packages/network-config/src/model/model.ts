import type { BondMode } from '../schema/masters.ts';

/*
 * What a file says, in one form for every format. `undefined` leaves a thing to the agent's own settings or the kernel.
 */

/** Links in an order in which they can be made: each stands behind those that it is made of. */
export interface NetworkConfig {
  readonly links: readonly Link[];
  readonly pods?: PodsConfig;
}

/** Pods with addresses of the host's own segment. */
export interface PodsConfig {
  /** The bridge that they are connected to. */
  readonly lan: string;
  /** Networks of the cluster's Services, which only the host knows the way to. */
  readonly services: readonly string[];
}

export type Link = EthernetLink | VlanLink | BondLink | BridgeLink;

/** All that is given has to match. Names, drivers and paths may be patterns with `*`, `?` and `[]`. */
export interface Match {
  readonly macaddress: string | undefined;
  readonly drivers: readonly string[];
  readonly name: string | undefined;
  readonly path: string | undefined;
}

/** Cards that the machine has. `id` is only a name in the file, unless a card is matched by it. */
export interface EthernetLink extends LinkSettings {
  readonly kind: 'ethernet';
  readonly match: Match;
  readonly setName: string | undefined;
}

export interface VlanLink extends LinkSettings {
  readonly kind: 'vlan';
  readonly vlan: number;
  /** The `id` of the link below. */
  readonly link: string;
}

export interface BondLink extends LinkSettings {
  readonly kind: 'bond';
  readonly interfaces: readonly string[];
  readonly parameters: BondParameters;
}

export interface BridgeLink extends LinkSettings {
  readonly kind: 'bridge';
  readonly interfaces: readonly string[];
  readonly parameters: BridgeParameters;
}

export interface LinkSettings {
  /** The name of a link that is made; see `EthernetLink` for the others. */
  readonly id: string;
  readonly dhcp4: DhcpSettings | undefined;
  readonly dhcp6: DhcpSettings | undefined;
  readonly addresses: readonly Address[];
  readonly routes: readonly Route[];
  readonly rules: readonly Rule[];
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly mtu: number | undefined;
  readonly macaddress: string | undefined;
  /** IPv4 has no such address here. */
  readonly linkLocal: { readonly ipv6: boolean };
  readonly acceptRa: boolean | undefined;
  readonly ra: RaSettings;
  readonly ipv6: Ipv6Settings;
  /** The boot does not wait for it. */
  readonly optional: boolean;
}

export interface RaSettings {
  readonly useDns: boolean | undefined;
  readonly useDomains: boolean | undefined;
}

export interface Ipv6Settings {
  readonly mtu: number | undefined;
  readonly privacy: boolean | undefined;
  readonly generation: 'eui64' | 'stable-privacy' | undefined;
  readonly token: string | undefined;
}

export interface DhcpSettings {
  readonly metric: number | undefined;
  readonly useDns: boolean | undefined;
  readonly useDomains: boolean | undefined;
  readonly useMtu: boolean | undefined;
  readonly useNtp: boolean | undefined;
  readonly useRoutes: boolean | undefined;
  readonly sendHostname: boolean | undefined;
  readonly hostname: string | undefined;
  readonly fqdn: string | undefined;
  /** `mac`, `duid`, `uuid`, `none` or `hex:…`; IPv4 only. */
  readonly clientId: string | undefined;
  /** Text, or bytes as `hex:…`. */
  readonly vendorClass: string | undefined;
  readonly userClass: string | undefined;
  /** IPv6 only. */
  readonly rapidCommit: boolean | undefined;
  /** Whose the vendor class is, by IANA's registry; IPv6 only, and only with one. */
  readonly enterprise: number | undefined;
  readonly requestOptions: readonly { readonly code: number; readonly type: string }[];
  readonly sendOptions: readonly { readonly code: number; readonly value: string }[];
}

export interface Address {
  /** With the length of its prefix, in the form of RFC 5952. */
  readonly address: string;
  readonly label: string | undefined;
  /** Not the source of connections that the node opens: preferred for no time. */
  readonly deprecated: boolean;
}

export type RouteType = 'unicast' | 'blackhole' | 'unreachable' | 'prohibit' | 'throw' | 'local';

export interface Route {
  /** A network; `0.0.0.0/0` and `::/0` are the default routes. */
  readonly to: string;
  readonly via: string | undefined;
  readonly from: string | undefined;
  readonly onLink: boolean;
  readonly metric: number | undefined;
  readonly table: number | undefined;
  readonly type: RouteType;
  readonly scope: 'global' | 'link' | 'host' | undefined;
  readonly mtu: number | undefined;
  readonly advertisedMss: number | undefined;
  readonly congestionWindow: number | undefined;
  readonly advertisedReceiveWindow: number | undefined;
}

export interface Rule {
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly table: number;
  readonly priority: number | undefined;
  readonly mark: number | undefined;
  readonly typeOfService: number | undefined;
}

/** Times are in milliseconds. */
export interface BondParameters {
  readonly mode: BondMode;
  readonly miiMonitorInterval: number | undefined;
  readonly upDelay: number | undefined;
  readonly downDelay: number | undefined;
  readonly lacpRate: string | undefined;
  readonly adSelect: string | undefined;
  readonly minLinks: number | undefined;
  readonly transmitHashPolicy: string | undefined;
  readonly arpInterval: number | undefined;
  readonly arpIpTargets: readonly string[];
  readonly arpValidate: string | undefined;
  readonly arpAllTargets: string | undefined;
  readonly failOverMacPolicy: string | undefined;
  readonly gratuitousArp: number | undefined;
  readonly packetsPerMember: number | undefined;
  readonly allMembersActive: boolean | undefined;
  readonly primary: string | undefined;
  readonly primaryReselectPolicy: string | undefined;
  readonly resendIgmp: number | undefined;
  readonly learnPacketInterval: number | undefined;
}

/** Times are in milliseconds. There is no spanning tree: a node is no switch, and its ports forward at once. */
export interface BridgeParameters {
  readonly priority: number | undefined;
  readonly ageingTime: number | undefined;
  readonly forwardDelay: number | undefined;
  readonly helloTime: number | undefined;
  readonly maxAge: number | undefined;
  readonly pathCost: readonly PortNumber[];
  readonly portPriority: readonly PortNumber[];
}

export interface PortNumber {
  readonly port: string;
  readonly value: number;
}

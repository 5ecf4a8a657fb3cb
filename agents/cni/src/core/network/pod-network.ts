/**
 * The network of a node's own pods. No other machine knows its addresses, so outside the node's address replaces them.
 */
export interface PodNetwork {
  readonly bridge: string;
  /** Networks whose lengths are whole bytes. */
  readonly ipv4: string;
  /** Absent on a kernel without IPv6. */
  readonly ipv6?: string;
}

/** `fd`, and letters of the project's name in place of random bits: no site has it but by its own choice. RFC 4193. */
const IPV6 = 'fd6b:696f:7300::/64';

export const podNetwork = (hasIpv6: boolean): PodNetwork => ({
  bridge: 'cni0',
  ipv4: '10.85.0.0/16',
  ...(hasIpv6 ? { ipv6: IPV6 } : {}),
});

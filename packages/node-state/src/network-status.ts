import * as v from 'valibot';

/** `net/network.status`: what other programs need to know of the network file in force. */
export const NetworkStatus = v.object({
  v: v.literal(1),
  /** Whether a link has DHCP or an address of IPv4; absent when every card uses DHCP. */
  ipv4: v.optional(v.boolean()),
});
export type NetworkStatus = v.InferOutput<typeof NetworkStatus>;

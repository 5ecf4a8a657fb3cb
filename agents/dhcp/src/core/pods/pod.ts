import type { BoundLease, Policy, State } from '../client/model.ts';
import type { Identity } from '../client/requests.ts';
import { sortRoutes } from '../kernel/routes.ts';
import { isDomainName } from '../wire/domain-list.ts';
import type { Attachment, Grant } from './protocol.ts';

const HARDWARE_ETHERNET = 1;
/** First byte of a pod's hardware address: given by hand, and one host's. */
export const LOCAL = 0x02;
const ETHERNET_MTU = 1500;
const MAC_BYTES = 5;

/** What a pod's hardware address is made of: another container of the same pod has the same one. */
export const macSource = (
  cluster: string,
  { namespace, pod, interface: name }: Attachment,
): string => [cluster, namespace, pod, name].join('\0');

/** Returns the hardware address from a digest of `macSource`. */
export const macFrom = (digest: Uint8Array): string =>
  [LOCAL, ...digest.subarray(0, MAC_BYTES)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join(':');

const bytesOf = (mac: string): number[] => mac.split(':').map((byte) => Number.parseInt(byte, 16));

/** A pod to a server: nothing of it changes when the pod or the agent starts again. */
function identityOf(mac: string, pod: string): Identity {
  return {
    mac,
    clientId: Uint8Array.of(HARDWARE_ETHERNET, ...bytesOf(mac)),
    hostname: isDomainName(pod) ? pod : undefined,
    wantsHostname: false,
    maxMessageSize: ETHERNET_MTU,
    extraOptions: [],
    sent: [],
  };
}

/**
 * How a pod's address is got. It is probed for while the pod does not have it yet, and it is given up with its lease:
 * unlike a node, a pod can be made anew.
 */
export const policyOf = (mac: string, pod: string, minLeaseSeconds: number): Policy => ({
  identity: identityOf(mac, pod),
  onExpire: 'drop',
  arp: 'fast',
  rapidCommit: true,
  broadcast: false,
  offerWindowMs: 0,
  startupJitterSeconds: 0,
  minLeaseSeconds,
  fallbackLeaseSeconds: 0,
  ipv6Mostly: false,
  strictRfc: false,
  allowServers: [],
  denyServers: [],
});

/** Returns the lease that a pod can be given: no other host has the address. */
export function readyLease({ memory }: State): BoundLease | undefined {
  return memory.watch?.settled === false ? undefined : memory.held;
}

/** Routes stand in an order in which the kernel takes them, and lead to the host too, wherever its address is. */
export function grantOf({ lease }: BoundLease, host: string | undefined): Grant {
  const { onLink, through } = sortRoutes(lease, host === undefined ? [] : [host]);
  const good = through.flatMap(({ route, why }) => (why === undefined ? [route] : []));
  const routes = [...onLink, ...good];
  return {
    address: `${lease.address}/${lease.prefix}`,
    ...(host === undefined ? {} : { host }),
    routes: routes.map(({ dst, via }) => (via === null ? { to: dst } : { to: dst, via })),
    dns: lease.dns,
    search: lease.search,
  };
}

import type { Lease } from '@kios/node-state';

/** `static` is an address of the network file. */
const VALID: readonly string[] = ['bound', 'renewing', 'rebinding', 'static'];

const isBound = ({ state }: Lease): boolean => VALID.includes(state);

const hasDefaultRoute = (lease: Lease): boolean =>
  lease.gateways.length > 0 || lease.routes.some((route) => route.dst === '0.0.0.0/0');

/**
 * Returns the valid lease of the interface with the default route, or else the first valid one; `leases` are sorted by
 * interface.
 */
export function primaryLease(leases: readonly Lease[]): Lease | undefined {
  const bound = leases.filter(isBound);
  return bound.find(hasDefaultRoute) ?? bound[0];
}

const isV6 = (address: string): boolean => address.includes(':');

export interface NodeIpInput {
  /** `node.ip` of the document. */
  readonly wanted: string | undefined;
  /** The machine's addresses now, at most one of each family. */
  readonly addresses: readonly string[];
  /** The value that kubelet has now. */
  readonly before: string | undefined;
  /** The API server, `https://host:port`; undefined when the document has no cluster. */
  readonly endpoint: string | undefined;
  /** A router may still be silent, and a boot must not remove its address and put it back. */
  readonly isSettling: boolean;
}

/**
 * Returns whether IPv6 is the cluster's first family: kube-apiserver starts only with an address of the same family as
 * its first range of Services. A name says nothing.
 */
const isV6First = (endpoint: string | undefined, former: readonly string[]): boolean =>
  endpoint === undefined ? former.slice(0, 1).some(isV6) : endpoint.startsWith('https://[');

/**
 * Returns the value of `--node-ip`, an address of each family with the cluster's first; kubelet would guess it from DNS
 * or the first interface.
 */
export function chooseNodeIp(input: NodeIpInput): string | undefined {
  const { wanted, addresses, before, endpoint, isSettling } = input;
  if (wanted !== undefined && wanted !== 'auto') return wanted;
  const former = before === undefined || before === '' ? [] : before.split(',');
  const order = isV6First(endpoint, former) ? [true, false] : [false, true];
  const families = order.map((v6) => {
    const now = addresses.find((address) => isV6(address) === v6);
    // Without a lease the node cannot be reached anyway, and its former address is the most likely one to return.
    const mayReturn = !v6 || isSettling;
    return now ?? (mayReturn ? former.find((address) => isV6(address) === v6) : undefined);
  });
  const found = families.filter((address) => address !== undefined);
  return found.length === 0 ? undefined : found.join(',');
}

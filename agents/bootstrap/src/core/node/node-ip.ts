import type { Lease } from '@kios/node-state';

/** Leases that carry traffic now. */
const isBound = (lease: Lease): boolean => ['bound', 'renewing', 'rebinding'].includes(lease.state);

const hasDefaultRoute = (lease: Lease): boolean =>
  lease.gateways.length > 0 || lease.routes.some((route) => route.dst === '0.0.0.0/0');

/** The lease of the interface with the default route, else the first bound one; leases come sorted by interface. */
export function primaryLease(leases: readonly Lease[]): Lease | undefined {
  const bound = leases.filter(isBound);
  return bound.find(hasDefaultRoute) ?? bound[0];
}

const isV6 = (address: string): boolean => address.includes(':');

export interface NodeIpInput {
  /** What the document says. */
  readonly wanted: string | undefined;
  /** What the machine has now, at most one of each family. */
  readonly addresses: readonly string[];
  /** What kubelet was told before. */
  readonly before: string | undefined;
  /** A router may still be silent: a boot is no reason to take its address away and put it back. */
  readonly isSettling: boolean;
}

/** What `--node-ip` shall be, so that kubelet need not guess it from DNS or the first interface: an address of each family, IPv4 first. */
export function chooseNodeIp(input: NodeIpInput): string | undefined {
  const { wanted, addresses, before, isSettling } = input;
  if (wanted !== undefined && wanted !== 'auto') return wanted;
  const former = before === undefined || before === '' ? [] : before.split(',');
  const families = [false, true].map((v6) => {
    const now = addresses.find((address) => isV6(address) === v6);
    // Without a lease the node is out of reach anyway; its address is the most likely one to come back.
    const mayReturn = !v6 || isSettling;
    return now ?? (mayReturn ? former.find((address) => isV6(address) === v6) : undefined);
  });
  const found = families.filter((address) => address !== undefined);
  return found.length === 0 ? undefined : found.join(',');
}

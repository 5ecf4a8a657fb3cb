import type { Lease } from '@kios/node-state';

/** Leases that carry traffic now. */
export const isBound = (lease: Lease): boolean =>
  ['bound', 'renewing', 'rebinding'].includes(lease.state);

const hasDefaultRoute = (lease: Lease): boolean =>
  lease.gateways.length > 0 || lease.routes.some((route) => route.dst === '0.0.0.0/0');

/** The lease of the interface with the default route, else the first bound one; leases come sorted by interface. */
export function primaryLease(leases: readonly Lease[]): Lease | undefined {
  const bound = leases.filter(isBound);
  return bound.find(hasDefaultRoute) ?? bound[0];
}

/** What `--node-ip` shall be, so that kubelet need not guess it from DNS or the first interface. */
export function chooseNodeIp(
  wanted: string | undefined,
  leaseAddress: string | undefined,
): string | undefined {
  if (wanted !== undefined && wanted !== 'auto') return wanted;
  return leaseAddress?.split('/')[0];
}

import { readFileSync } from 'node:fs';

import type { Address, Link } from '@kios/netlink';

import { foreignAddresses, isKernelConfigured, isOthers } from '../../core/kernel/links.ts';
import type { ClientPorts } from './client-options.ts';

/** A link's addresses as they change, and who is told that others have the link. */
export interface Watched {
  /** Called when the link gets or loses an address. */
  onAddresses: (() => void) | undefined;
}

/**
 * Waits while the link is others': it has an address that is not ours, and there was no lease of ours. Addresses that
 * others add to a link of ours, as load balancers and people do, are no reason to let the lease run out.
 */
export async function whileOthers(
  link: Link,
  watched: Watched,
  { rtnetlink, files, log }: ClientPorts,
  onForeign: () => void,
  signal: AbortSignal,
): Promise<void> {
  const ended = stopped(signal);
  for (let first = true; !signal.aborted; first = false) {
    const changed = Promise.withResolvers<void>();
    watched.onAddresses = changed.resolve;
    const addresses = await rtnetlink.addresses();
    const isKnown = (await files.readRunning(link.name, link.mac)) !== undefined;
    if (!isOthers(link, addresses, isKnown)) break;
    if (first) {
      log.warn({ ev: 'link.foreign', link: link.name, why: 'it has an address that is not ours' });
      onForeign();
    }
    await Promise.race([changed.promise, ended]);
  }
  watched.onAddresses = undefined;
}

export function stopped(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Returns the address that the kernel itself got by DHCP at boot, for example for a root file system over NFS. */
export function kernelAddress(link: Link, addresses: readonly Address[]): string | undefined {
  const foreign = foreignAddresses(link, addresses);
  const [only] = foreign;
  if (only === undefined || foreign.length > 1 || only.protocol !== 0) return undefined;
  const configured = isKernelConfigured(readFileSync('/proc/cmdline', 'latin1'), link.name);
  return configured ? only.address : undefined;
}

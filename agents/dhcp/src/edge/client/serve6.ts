import { sleep } from '@kios/agent';
import type { Link } from '@kios/netlink';

import { ROUTERS_REPLY_WITHIN } from '../../core/ra/solicitation.ts';
import type { Client6 } from '../v6/client6.ts';
import type { ClientOptions, ClientPorts } from './client-options.ts';

/** Without IPv6 a node can be used: what fails there is not tried again all the time. */
const RESTART_MS = 10_000;
/**
 * Code of IPv6 is loaded after the first packets of IPv4, and in a one-shot when IPv4 has not come at once: a boot must
 * not be slower for it.
 */
const AFTER_MS = { daemon: 500, oneShot: 3000 } as const;
/** A one-shot waits so long for IPv4 where a router has announced IPv6. */
const IPV4_GRACE_MS = 10_000;

export interface Serving6 {
  /** Whether IPv4 is asked for too. */
  readonly hasIpv4: boolean;
  /** Called with each client before it runs. */
  readonly onClient: (client: Client6) => void;
  /** Called when a one-shot has nothing to wait for any more; absent for a daemon. */
  readonly onDone?: () => void;
}

/**
 * Serves IPv6 beside IPv4, whose failures are none of the other's. In a one-shot there is no DHCPv6, whose port is the
 * daemon's: where a router has announced itself and IPv4 stays away, or is not asked for, only the daemon is missing.
 */
export async function serve6(
  link: Link,
  { ipv6, plan, readName, hostFile }: ClientOptions,
  { hasIpv4, onClient, onDone }: Serving6,
  ports: ClientPorts,
  signal: AbortSignal,
): Promise<void> {
  const options = {
    ...ipv6,
    ...(onDone === undefined ? {} : { dhcp6: 'off' as const }),
    metric: plan.metric,
    readName: () => readName().hostname,
    hostFile,
  };
  while (!signal.aborted) {
    try {
      await sleep(onDone === undefined ? AFTER_MS.daemon : AFTER_MS.oneShot, signal);
      const { Client6 } = await import('../v6/client6.ts');
      const client = new Client6(link, options, ports);
      onClient(client);
      if (onDone !== undefined) {
        const isOwed = !hasIpv4 && ipv6.dhcp6 !== 'off';
        void enough(client, hasIpv4, isOwed, signal).then(() => signal.aborted || onDone());
      }
      await client.run(signal);
    } catch (err) {
      if (signal.aborted) return;
      ports.log.error({ ev: 'client6.fail', link: link.name, err });
      await sleep(RESTART_MS, signal).catch(() => undefined);
    }
  }
}

/** Resolves when a one-shot has no more to wait for. `isOwed`: the daemon has to ask even where no router speaks. */
async function enough(
  client: Client6,
  hasIpv4: boolean,
  isOwed: boolean,
  signal: AbortSignal,
): Promise<void> {
  const wait = (ms: number): Promise<void> => sleep(ms, signal).catch(() => undefined);
  if (isOwed) return Promise.race([client.announced, wait(ROUTERS_REPLY_WITHIN)]);
  await client.announced;
  if (hasIpv4) await wait(IPV4_GRACE_MS);
}

import { sleep } from '@kios/agent';
import type { Link } from '@kios/netlink';
import { openRouters, type RouterEvent, type Routers } from '@kios/netlink/routers';

import { ROUTERS_REPLY_WITHIN } from '../../core/ra/solicitation.ts';
import { QuietLink } from '../ra/quiet-link.ts';
import type { Client6 } from '../v6/client6.ts';
import type { ClientOptions, ClientPorts } from './client-options.ts';

/** Without IPv6 a node can be used: what fails there is not tried again all the time. */
const RESTART_MS = 10_000;
/**
 * Where IPv4 is asked for, IPv6 waits until its first packets are out, and in a one-shot until IPv4 has not come at
 * once: a boot must not be slower for it.
 */
const AFTER_MS = { daemon: 500, oneShot: 3000 } as const;
/** A one-shot waits so long for IPv4 where a router has announced IPv6. */
const IPV4_GRACE_MS = 10_000;

/** What heeds the carrier of a link for IPv6. */
export interface Listener6 {
  carrier(up: boolean): void;
}

export interface Serving6 {
  /** Whether IPv4 is asked for too. */
  readonly hasIpv4: boolean;
  /** Called with each listener before it runs; it takes the place of the one before. */
  readonly onListener: (listener: Listener6) => void;
  /** Called when a one-shot has nothing to wait for any more; absent for a daemon. */
  readonly onDone?: () => void;
}

/**
 * Serves IPv6 beside IPv4, whose failures are none of the other's. In a one-shot there is no DHCPv6, whose port is the
 * daemon's: where a router has announced itself and IPv4 stays away, or is not asked for, only the daemon is missing.
 */
export async function serve6(
  link: Link,
  options: ClientOptions,
  serving: Serving6,
  ports: ClientPorts,
  signal: AbortSignal,
): Promise<void> {
  const after = serving.onDone === undefined ? AFTER_MS.daemon : AFTER_MS.oneShot;
  while (!signal.aborted) {
    try {
      if (serving.hasIpv4) await sleep(after, signal);
      using routers = openRouters();
      await listen(link, options, serving, { ...ports, routers }, signal);
    } catch (err) {
      if (signal.aborted) return;
      ports.log.error({ ev: 'client6.fail', link: link.name, err });
      await sleep(RESTART_MS, signal).catch(() => undefined);
    }
  }
}

/** Most networks have no IPv6: the code of its clients is loaded when there is something for them to do. */
async function listen(
  link: Link,
  { ipv6, plan, readName, hostFile }: ClientOptions,
  { hasIpv4, onListener, onDone }: Serving6,
  ports: ClientPorts & { readonly routers: Routers },
  signal: AbortSignal,
): Promise<void> {
  const { routers, files } = ports;
  await leaveOut(link.name, ipv6, ports);
  let first: RouterEvent | undefined;
  if (onDone === undefined && !isAsked(ipv6) && !files.hasLease6(link.name)) {
    const quiet = new QuietLink(link, ports, routers, signal);
    onListener(quiet);
    first = await quiet.firstWord();
    if (signal.aborted) return;
  }
  const { Client6 } = await import('../v6/client6.ts');
  const dhcp6 = onDone === undefined ? ipv6.dhcp6 : 'off';
  const options = {
    ...ipv6,
    dhcp6,
    metric: plan.metric,
    readName: () => readName().hostname,
    hostFile,
  };
  const client = new Client6(link, options, ports, routers, first);
  onListener(client);
  if (onDone !== undefined) {
    const isOwed = !hasIpv4 && ipv6.dhcp6 !== 'off';
    void enough(client, hasIpv4, isOwed, signal).then(() => signal.aborted || onDone());
  }
  await client.run(signal);
}

/** Takes away what an earlier client of the link had noted, and what is not to be used any more. */
async function leaveOut(
  link: string,
  { fromRouters, fromServer }: ClientOptions['ipv6'],
  { files, log }: ClientPorts,
): Promise<void> {
  try {
    if (!fromServer.dns) await files.leaveOut(link, 'dhcp6');
    if (!fromRouters.dns) await files.leaveOut(link, 'routers');
  } catch (err) {
    log.error({ ev: 'dns.fail', link, err });
  }
}

/** Returns whether DHCPv6 is to be used even where no router speaks. */
const isAsked = ({ dhcp6 }: ClientOptions['ipv6']): boolean => dhcp6 === 'on' || dhcp6 === 'always';

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

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

import { openRtnetlink, type Route, SCOPE } from '@kios/netlink';

const PORT = 80;
const TIMEOUT_MS = 3000;
const ON_LINK = 32;
/** RTPROT_STATIC: the dhcp agent leaves it alone. */
const STATIC = 4;

const linkIndex = (link: string): number =>
  Number(readFileSync(`/sys/class/net/${link}/ifindex`, 'utf8'));

/** Stands for metadata services: takes their addresses on this pod's own link and serves HTTP there. */
export async function serveMetadata(addresses: readonly string[]): Promise<string> {
  const network = openRtnetlink();
  const ifindex = linkIndex('eth0');
  for (const address of addresses)
    await network.replaceAddress({
      ifindex,
      address,
      prefix: ON_LINK,
      scope: SCOPE.universe,
      protocol: 0,
      validSeconds: 0xffff_ffff,
      preferredSeconds: 0xffff_ffff,
    });
  network.close();
  const server = createServer((_request, response) => response.end('secret'));
  await new Promise<void>((resolve) => server.listen(PORT, '0.0.0.0', resolve));
  return 'serving';
}

/** Leads the host's way to these addresses to the pods' bridge, until this pod is told to end. */
export async function routeMetadata(addresses: readonly string[]): Promise<void> {
  const network = openRtnetlink();
  const ifindex = linkIndex('cni0');
  const routes = addresses.map((address): Route => ({
    dst: `${address}/${ON_LINK}`,
    ifindex,
    metric: 0,
    protocol: STATIC,
    scope: SCOPE.link,
  }));
  for (const route of routes) await network.replaceRoute(route);
  const undo = async (): Promise<void> => {
    for (const route of routes) await network.deleteRoute(route);
    process.exit(0);
  };
  process.once('SIGTERM', () => void undo());
}

/** Returns what a request to an address comes to: the body, or the error's name. */
async function replyOf(host: string): Promise<string> {
  try {
    const response = await fetch(`http://${host}:${PORT}/`, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return await response.text();
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
}

/** Yields the reply of each address. */
export async function* askMetadata(
  addresses: readonly string[],
): AsyncGenerator<readonly [address: string, reply: string]> {
  for (const address of addresses)
    yield [address, await replyOf(address.includes(':') ? `[${address}]` : address)];
}

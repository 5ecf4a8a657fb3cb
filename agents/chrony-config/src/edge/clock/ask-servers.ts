import { isIP } from 'node:net';

import type { Witnessed } from '@kios/clock';
import { EXIT, KiosError } from '@kios/errors';
import { readLeases, readLeases6 } from '@kios/node-state';

export interface ServerArgs {
  readonly server: readonly string[];
  readonly netDir: string;
}

/** Fails for a server that is not an IP address: a pod's own resolver may be of a time before the network. */
export function checkServers({ server }: ServerArgs): void {
  const wrong = server.find((each) => isIP(each) === 0);
  if (wrong === undefined) return;
  throw new KiosError('KIOS_USAGE', `use --server ${wrong}: it is not an IP address`, {
    exitCode: EXIT.usage,
  });
}

/** Returns the servers of the command line, or else those of the leases. */
async function serversOf({ server, netDir }: ServerArgs): Promise<readonly string[]> {
  if (server.length > 0) return server;
  const [v4, v6] = [await readLeases(netDir), await readLeases6(netDir)];
  return [...v4.leases, ...v6.leases].flatMap(({ ntp }) => ntp);
}

/** Asks time servers directly; undefined when three samples do not agree. */
export async function askServers(
  args: ServerArgs,
  floor: number,
  signal: AbortSignal,
): Promise<Witnessed | undefined> {
  const { agreedOffset } = await import('@kios/clock/sntp');
  return agreedOffset({ servers: await serversOf(args), floor }, signal);
}

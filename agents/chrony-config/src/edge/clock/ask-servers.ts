import { isIP } from 'node:net';

import { leasedTimeServers, type Witnessed } from '@kios/clock';
import { EXIT, KiosError } from '@kios/errors';

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

/** Asks the servers of the command line, or else of the leases; undefined when three samples do not agree. */
export async function askServers(
  { server, netDir }: ServerArgs,
  floor: number,
  signal: AbortSignal,
): Promise<Witnessed | undefined> {
  const { agreedOffset } = await import('@kios/clock/sntp');
  const servers = server.length > 0 ? server : await leasedTimeServers(netDir);
  return agreedOffset({ servers, floor }, signal);
}

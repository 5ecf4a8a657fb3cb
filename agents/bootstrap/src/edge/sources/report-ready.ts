import { type Logger, retryDelay, sleep } from '@kios/agent';
import type { Lease } from '@kios/node-state';

import { MetadataError } from '../../core/providers/provider.ts';
import { reportReady, wireServerAddress } from '../../core/providers/wireserver.ts';
import { METADATA_RETRY } from './fetch-metadata.ts';
import { openExchange } from './metadata-http.ts';

const TRIES = 10;

/** Reports to Azure that this machine is ready. A failure is only logged, because the node is in its cluster anyway. */
export async function reportToAzure(lease: Lease, log: Logger, signal: AbortSignal): Promise<void> {
  const exchange = openExchange(`http://${wireServerAddress(lease.raw)}`, signal);
  for (let n = 1; ; n++) {
    try {
      await reportReady(exchange);
      return log.info({ ev: 'azure.ready', n });
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      if (n === TRIES) return log.warn({ ev: 'azure.unreported', why: error.message });
    }
    await sleep(retryDelay(METADATA_RETRY, n, Math.random()), signal);
  }
}

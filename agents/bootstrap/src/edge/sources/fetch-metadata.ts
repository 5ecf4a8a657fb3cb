import { type Logger, retryDelay, sleep } from '@kios/agent';

import { BootstrapError } from '../../core/faults/errors.ts';
import { type Metadata, MetadataError, type Provider } from '../../core/providers/provider.ts';
import { openExchange } from './metadata-http.ts';

/** The pauses between requests to a metadata service. */
export const METADATA_RETRY = { firstMs: 250, factor: 1.6, maxMs: 10_000, jitter: 0.2 };
/** About 45 s; then the operator sees the fault, and the agent tries again. */
const TRIES = 10;

/**
 * Asks the addresses of the service in their order, the next one only when there is no connection to the one before:
 * whoever announces a route to the IPv6 address on this link could otherwise reply in place of the service.
 */
async function readInTurn(
  provider: Provider,
  link: string,
  signal: AbortSignal,
): Promise<Metadata> {
  let first: unknown;
  for (const base of provider.bases) {
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    let isConnected = false;
    const onConnect = (): void => {
      isConnected = true;
    };
    try {
      return await provider.read(openExchange(base.replace('{link}', link), either, onConnect));
    } catch (error) {
      if (isConnected || !(error instanceof MetadataError)) throw error;
      first ??= error;
    } finally {
      // Ends the requests that are still under way when another one failed.
      done.abort();
    }
  }
  throw first;
}

const refused = ({ name, forbidden }: Provider, error: MetadataError): BootstrapError =>
  new BootstrapError(
    'KIOS_BOOTSTRAP_METADATA_REFUSED',
    `read metadata of ${name}: ${error.message}${forbidden === undefined ? '' : `; ${forbidden}`}`,
  );

/** Reads the metadata, and tries again while the service starts, is overloaded or is hidden by a captive portal. */
export async function fetchMetadata(
  provider: Provider,
  link: string,
  log: Logger,
  signal: AbortSignal,
): Promise<Metadata> {
  const start = performance.now();
  const ms = (): number => Math.round(performance.now() - start);
  for (let n = 1; ; n++) {
    try {
      const metadata = await readInTurn(provider, link, signal);
      const isLate = metadata.userData === undefined && ms() < (provider.lateSeconds ?? 0) * 1000;
      if (!isLate) {
        log.info({ ev: 'imds.ok', provider: provider.name, n, ms: ms() });
        return metadata;
      }
      log.info({ ev: 'imds.try', provider: provider.name, n, ms: ms(), why: 'no user data yet' });
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error;
      if (error.isFinal) throw refused(provider, error);
      if (n >= TRIES)
        throw new BootstrapError(
          'KIOS_BOOTSTRAP_METADATA',
          `read metadata of ${provider.name}: ${error.message}`,
        );
      log.info({ ev: 'imds.try', provider: provider.name, n, ms: ms(), why: error.message });
    }
    await sleep(retryDelay(METADATA_RETRY, n, Math.random()), signal);
  }
}

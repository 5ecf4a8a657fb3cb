import type { Logger } from '@kios/agent';

import type { Part } from '../../core/document/parsed-document.ts';
import { BootstrapError } from '../../core/faults/errors.ts';
import { networkProvider } from '../../core/providers/network-providers.ts';
import { parseWebAddress, type WebAddress, webProvider } from '../../core/providers/web-address.ts';
import type { Uplink } from '../node/uplink.ts';
import { readUserData, REMEDIES } from './documents.ts';
import { fetchMetadata } from './fetch-metadata.ts';
import { machineFactsOf, NO_FACTS } from './machine-facts.ts';
import type { Remote } from './metadata-cache.ts';
import type { Platform } from './platform.ts';
import type { Needs } from './sources.ts';

/** Replaces `${uuid}`, `${serial}` and `${mac}`, by which one server distinguishes its machines. */
export function expandUrl(url: string, { dmi }: Platform, mac: string): string {
  const values: Readonly<Record<string, string>> = {
    uuid: dmi.productUuid,
    serial: dmi.productSerial,
    mac,
  };
  return url.replaceAll(/\$\{(uuid|serial|mac)\}/g, (_all, name: string) =>
    encodeURIComponent(values[name] ?? ''),
  );
}

/** Parses the address of `kios.config=` for this machine, whose MAC address may not be known yet. */
function configAddress(url: string, platform: Platform, mac: string): WebAddress {
  return parseWebAddress('kios.config=', expandUrl(url, platform, mac));
}

/** Refuses an address that may not be used, before the network is waited for. */
export function checkAddresses(platform: Platform, needs: Needs): void {
  if (needs.provider) networkProvider(platform.provider, platform.seed);
  if (platform.configUrl !== undefined) configAddress(platform.configUrl, platform, '');
}

/** The documents to fetch, and the link to fetch them over. */
export interface FetchRequest {
  readonly platform: Platform;
  readonly needs: Needs;
  readonly uplink: Uplink;
  /** Whether to wait for user data that may be late. */
  readonly isPatient: boolean;
}

type Fetched = Pick<Remote, 'facts' | 'userData'>;

async function fetchFromProvider(
  { platform, uplink, isPatient }: FetchRequest,
  log: Logger,
  signal: AbortSignal,
): Promise<Fetched> {
  const named = networkProvider(platform.provider, platform.seed);
  if (named === undefined) return { facts: NO_FACTS, userData: undefined };
  const provider = isPatient ? named : { ...named, lateSeconds: 0 };
  const metadata = await fetchMetadata(provider, uplink.link, log, signal);
  const { metaFault } = metadata;
  if (metaFault !== undefined) log.warn({ ev: metaFault.fault.event, err: metaFault });
  const known = machineFactsOf(metadata);
  const instanceId = known.instanceId ?? (metaFault && platform.lastInstanceId);
  const facts = { ...known, instanceId, isIdUnread: metaFault !== undefined && !instanceId };
  const source = `user data of ${platform.provider}`;
  const origin = { source, remedy: REMEDIES.provider, names: facts };
  return { facts, userData: readUserData(origin, metadata.userData, log) };
}

async function fetchFromWeb(
  address: WebAddress,
  { link }: Uplink,
  log: Logger,
  signal: AbortSignal,
): Promise<Part> {
  const { userData } = await fetchMetadata(webProvider(address), link, log, signal);
  const source = `${address.origin}${address.path}`;
  const part = readUserData({ source, remedy: REMEDIES.web }, userData, log);
  if (part !== undefined) return part;
  throw new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${source}: it holds no document`);
}

/** Fetches from the metadata service and the web server, as far as they are needed. */
export async function fetchAll(
  request: FetchRequest,
  log: Logger,
  signal: AbortSignal,
): Promise<Remote> {
  const { platform, needs, uplink } = request;
  const { configUrl } = platform;
  const none: Fetched = { facts: NO_FACTS, userData: undefined };
  const [fetched, config] = await Promise.all([
    needs.provider ? fetchFromProvider(request, log, signal) : none,
    configUrl === undefined
      ? undefined
      : fetchFromWeb(configAddress(configUrl, platform, uplink.mac), uplink, log, signal),
  ]);
  return { ...fetched, config };
}

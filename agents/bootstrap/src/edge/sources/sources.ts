import path from 'node:path';

import type { Logger } from '@kios/agent';

import { type MetaData, parseMetaData } from '../../core/document/document.ts';
import { mergeDocuments } from '../../core/document/merge.ts';
import type { Part } from '../../core/document/parsed-document.ts';
import type { NodeBootstrap } from '../../core/document/schema.ts';
import { decodeText } from '../../core/document/yaml.ts';
import { BootstrapError } from '../../core/faults/errors.ts';
import { networkProvider } from '../../core/providers/network-providers.ts';
import { parseOpenStack } from '../../core/providers/openstack.ts';
import { parseOvfEnvironment } from '../../core/providers/ovf-env.ts';
import type { ProviderName } from '../../core/providers/provider.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { readBytes, readDocument, readUserData, withToken } from './documents.ts';
import { type MachineFacts, machineFactsOf, NO_FACTS, type Remote } from './metadata-cache.ts';
import { FW_CFG, type Platform } from './platform.ts';

/** Everything that people and the cloud say about this machine. */
export interface Sources {
  readonly platform: ProviderName;
  readonly platformBy: string;
  readonly document: NodeBootstrap | undefined;
  readonly facts: MachineFacts;
  /** The texts that make up the document, the strongest last. */
  readonly parts: readonly Part[];
  /** Part of it came over the network, in this boot or an earlier one. */
  readonly needsNetwork: boolean;
}

/** The content of a seed volume. */
interface SeedResult {
  readonly facts: MachineFacts;
  readonly userData: Part | undefined;
}

/** The sources on this machine. */
interface Local {
  readonly before: readonly (Part | undefined)[];
  /** Undefined when there is no seed volume. */
  readonly seed: SeedResult | undefined;
  /** Used when the metadata service does not answer or has no user data. */
  readonly fallback: SeedResult | undefined;
  readonly after: readonly Part[];
}

async function readText(file: string): Promise<string | undefined> {
  const bytes = await readBytes(file);
  return bytes === undefined ? undefined : decodeText(file, bytes);
}

async function readCidata(
  { seedDir }: Settings,
  { seed }: Platform,
  log: Logger,
): Promise<Local['seed']> {
  const metaFile = path.join(seedDir, 'cidata/meta-data');
  const userFile = path.join(seedDir, 'cidata/user-data');
  const metaText = await readText(metaFile);
  const bytes = await readBytes(userFile);
  if (metaText === undefined && bytes === undefined) return undefined;
  const none: MetaData = { instanceId: undefined, hostname: undefined };
  const meta = metaText === undefined ? none : parseMetaData(metaFile, metaText);
  const facts = {
    ...NO_FACTS,
    instanceId: seed?.instanceId ?? meta.instanceId,
    hostname: seed?.hostname ?? meta.hostname,
  };
  return { facts, userData: readUserData(userFile, bytes, log) };
}

/**
 * Corrects DigitalOcean's volume, which is OpenStack's except for the providerID: the firmware has the droplet's
 * number.
 */
function ownFacts(facts: MachineFacts, { provider, dmi }: Platform): MachineFacts {
  if (provider !== 'digitalocean' || dmi.productSerial === '') return facts;
  const id = dmi.productSerial;
  return { ...facts, instanceId: id, providerID: `digitalocean://${id}` };
}

async function readConfigDrive(
  { seedDir }: Settings,
  platform: Platform,
  log: Logger,
): Promise<Local['seed']> {
  const dir = path.join(seedDir, 'config-2/openstack/latest');
  const metaFile = path.join(dir, 'meta_data.json');
  const text = await readText(metaFile);
  if (text === undefined) return undefined;
  const userFile = path.join(dir, 'user_data');
  const userData = readUserData(userFile, await readBytes(userFile), log);
  try {
    return { facts: ownFacts(machineFactsOf(parseOpenStack(text)), platform), userData };
  } catch (cause) {
    throw new BootstrapError('KIOS_BOOTSTRAP_DOCUMENT', `read ${metaFile}`, { cause });
  }
}

async function readFwCfg(
  { firmware }: Settings,
  _platform: Platform,
  log: Logger,
): Promise<Local['seed']> {
  const file = path.join(firmware, FW_CFG);
  const bytes = await readBytes(file);
  if (bytes === undefined) return undefined;
  return { facts: NO_FACTS, userData: readUserData(file, bytes, log) };
}

/** Reads Azure's custom data. The metadata service knows more about the machine, so it is asked as well. */
async function readOvfEnvironment(
  { seedDir }: Settings,
  { provider, dmi }: Platform,
  log: Logger,
): Promise<Local['fallback']> {
  const file = path.join(seedDir, 'azure/ovf-env.xml');
  const text = provider === 'azure' ? await readText(file) : undefined;
  if (text === undefined) return undefined;
  const { hostname, customData } = parseOvfEnvironment(text);
  const bytes = customData === undefined ? undefined : new TextEncoder().encode(customData);
  // The firmware has the same id as the metadata service.
  const facts = { ...NO_FACTS, hostname, instanceId: dmi.productUuid };
  return { facts, userData: readUserData(file, bytes, log) };
}

type Reader = (settings: Settings, platform: Platform, log: Logger) => Promise<Local['seed']>;

const SEEDS: readonly (readonly [readonly ProviderName[], Reader])[] = [
  [['nocloud'], readCidata],
  [['openstack', 'digitalocean'], readConfigDrive],
  [['fwcfg'], readFwCfg],
];

/** Reads the seed volume: that of a named provider, or else any. */
async function readSeed(
  settings: Settings,
  platform: Platform,
  log: Logger,
): Promise<Local['seed']> {
  const due = SEEDS.filter(
    ([providers]) => !platform.isExplicit || providers.includes(platform.provider),
  );
  for (const [, read] of due) {
    const seed = await read(settings, platform, log);
    if (seed !== undefined) return seed;
  }
  return undefined;
}

async function readLocal(settings: Settings, platform: Platform, log: Logger): Promise<Local> {
  const before = [
    await readDocument(path.join(settings.etc, 'kios/bootstrap.yaml')),
    await readDocument(path.join(settings.seedDir, 'boot/bootstrap.yaml')),
  ];
  const after: Part[] = [];
  for (const file of settings.config) {
    const part = await readDocument(file);
    if (part === undefined)
      throw new BootstrapError(
        'KIOS_BOOTSTRAP_DOCUMENT',
        `read ${file}: it does not exist or is empty`,
      );
    after.push(part);
  }
  return {
    before,
    seed: await readSeed(settings, platform, log),
    fallback: await readOvfEnvironment(settings, platform, log),
    after,
  };
}

const merge = (parts: readonly Part[]): NodeBootstrap | undefined =>
  mergeDocuments(parts.map(({ document }) => document));

const isComplete = (document: NodeBootstrap | undefined): boolean =>
  document?.auth !== undefined && (document.cluster ?? document.auth.kubeconfig) !== undefined;

/** Returns the texts in order, the strongest last. */
const partsOf = (local: Local, remote: Remote | undefined): readonly Part[] =>
  [
    ...local.before,
    local.seed?.userData ?? remote?.userData ?? local.fallback?.userData,
    remote?.config,
    ...local.after,
  ].filter((part) => part !== undefined);

/** Returns whether to ask the metadata service: not when a volume or the local documents are complete. */
function needsProvider(platform: Platform, local: Local): boolean {
  if (networkProvider(platform.provider, platform.seed) === undefined) return false;
  if (local.seed !== undefined) return false;
  return platform.isExplicit || !isComplete(merge(partsOf(local, undefined)));
}

export interface Needs {
  readonly provider: boolean;
  readonly config: boolean;
}

/** Gets what is needed from the network or the cache. */
export type Fetch = (needs: Needs) => Promise<Remote | undefined>;

const isMetadataFault = (error: unknown): error is BootstrapError =>
  error instanceof BootstrapError && error.code.startsWith('KIOS_BOOTSTRAP_METADATA');

/** Waits for the network, but not for a silent metadata service when the fallback has a document. */
async function fetchOr(
  fallback: Local['fallback'],
  asked: ReturnType<Fetch>,
  log: Logger,
): Promise<Remote | undefined> {
  try {
    return await asked;
  } catch (err) {
    if (fallback?.userData === undefined || !isMetadataFault(err)) throw err;
    log.warn({ ev: err.fault.event, err, instead: fallback.userData.source });
    return undefined;
  }
}

/**
 * Reads and merges the documents: the image's own, the flashed medium's, the user data of a volume or a metadata
 * service, that of `kios.config=`, then the files of `--config`. Every call reads afresh, so a corrected file takes
 * effect.
 */
export async function readSources(
  settings: Settings,
  platform: Platform,
  fetch: Fetch,
  log: Logger,
): Promise<Sources> {
  const local = await readLocal(settings, platform, log);
  const needs = {
    provider: needsProvider(platform, local),
    config: platform.configUrl !== undefined,
  };
  const needsNetwork = needs.provider || needs.config;
  const remote = needsNetwork ? await fetchOr(local.fallback, fetch(needs), log) : undefined;
  const parts = partsOf(local, remote);
  const merged = merge(parts);
  return {
    platform: platform.provider,
    platformBy: platform.by,
    document: merged === undefined ? undefined : await withToken(settings, merged),
    facts: (local.seed ?? remote ?? local.fallback)?.facts ?? NO_FACTS,
    parts,
    needsNetwork,
  };
}

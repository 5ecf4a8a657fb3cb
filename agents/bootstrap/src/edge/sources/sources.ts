import path from 'node:path';

import type { Logger } from '@kios/agent';

import { inSources } from '../../core/document/in-sources.ts';
import { mergeDocuments } from '../../core/document/merge.ts';
import { checkNetwork } from '../../core/document/network.ts';
import type { Part } from '../../core/document/parsed-document.ts';
import type { NodeBootstrap } from '../../core/document/schema.ts';
import { BootstrapError } from '../../core/faults/errors.ts';
import { hasService } from '../../core/providers/network-providers.ts';
import type { ProviderName } from '../../core/providers/provider.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { readDocument, REMEDIES, withToken } from './documents.ts';
import { type MachineFacts, NO_FACTS } from './machine-facts.ts';
import type { Remote } from './metadata-cache.ts';
import type { Platform } from './platform.ts';
import type { Seed } from './seed-cache.ts';
import { readSeeds, type Seeds } from './seeds.ts';

/** Everything that people and the cloud say about this machine. */
export interface Sources {
  readonly platform: ProviderName;
  readonly platformBy: string;
  readonly document: NodeBootstrap | undefined;
  readonly facts: MachineFacts;
  /** The texts that make up the document, the strongest last. */
  readonly parts: readonly Part[];
  /** The seed that counts, if one does. */
  readonly seed: Seed | undefined;
  /** Part of it came over the network, in this boot or an earlier one. */
  readonly needsNetwork: boolean;
}

/** The sources on this machine. */
interface Local extends Seeds {
  readonly before: readonly (Part | undefined)[];
  readonly after: readonly Part[];
}

async function readLocal(settings: Settings, platform: Platform, log: Logger): Promise<Local> {
  const boot = path.join(settings.seedDir, 'boot');
  const before = [
    await readDocument(path.join(settings.etc, 'kios/bootstrap.yaml'), undefined, REMEDIES.file),
    await readDocument(path.join(boot, 'bootstrap.yaml'), boot, REMEDIES.volume),
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
  return { before, ...(await readSeeds(settings, platform, log)), after };
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

/** Returns the seed that counts. */
const seedOf = ({ seed, fallback }: Seeds, remote: Remote | undefined): Seed | undefined =>
  seed ?? (remote?.userData === undefined && fallback?.userData ? fallback : undefined);

/** Returns whether the metadata service knows the node's name, and nobody else. */
const isNamedByProvider = ({ node }: NodeBootstrap): boolean => node?.nameFrom !== undefined;

/** Returns whether to ask the metadata service: not when a volume or the local documents are complete. */
function needsProvider(platform: Platform, local: Local): boolean {
  if (local.seed !== undefined) return false;
  if (!hasService(platform.provider, platform.seed)) return false;
  const document = merge(partsOf(local, undefined));
  if (platform.isExplicit || document === undefined || !isComplete(document)) return true;
  return isNamedByProvider(document);
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
  for (const { source, document } of parts) await checkNetwork(source, document);
  const merged = merge(parts);
  return {
    platform: platform.provider,
    platformBy: platform.by,
    document: merged && (await inSources(parts, () => withToken(settings, merged))),
    facts: (local.seed ?? remote ?? local.fallback)?.facts ?? NO_FACTS,
    parts,
    seed: seedOf(local, remote),
    needsNetwork,
  };
}

import path from 'node:path';

import { readIfThere, writeAtomic } from '@kios/agent';
import * as v from 'valibot';

import type { Part } from '../../core/document/parsed-document.ts';
import { NodeBootstrap } from '../../core/document/schema.ts';
import { type Metadata, PROVIDER_NAMES } from '../../core/providers/provider.ts';
import type { Settings } from '../../core/settings/settings.ts';
import type { Platform } from './platform.ts';

const text = v.optional(v.string());

/** A metadata service's description of this machine, without its user data. */
const MachineFacts = v.object({
  instanceId: text,
  instanceType: text,
  region: text,
  zone: text,
  providerID: text,
  hostname: text,
  externalIPs: v.optional(v.array(v.string()), []),
  spot: v.optional(v.boolean(), false),
  tags: v.optional(v.record(v.string(), v.string()), {}),
});
export type MachineFacts = v.InferOutput<typeof MachineFacts>;
export const NO_FACTS: MachineFacts = { externalIPs: [], spot: false, tags: {} };

export function machineFactsOf({
  userData: _bytes,
  externalIPs,
  tags,
  ...rest
}: Metadata): MachineFacts {
  return { ...NO_FACTS, ...rest, externalIPs: [...(externalIPs ?? [])], tags: { ...tags } };
}

/** Everything that came over the network. */
export interface Remote {
  readonly facts: MachineFacts;
  readonly userData: Part | undefined;
  readonly config: Part | undefined;
}

const CachedPart = v.object({ source: v.string(), kind: v.string(), document: NodeBootstrap });

/** The same on disk and without secrets, so that the next boot needs no network. */
const Cache = v.object({
  v: v.literal(1),
  provider: v.picklist(PROVIDER_NAMES),
  configUrl: text,
  /** On a copied disk the cache does not count: it is about another machine. */
  machine: v.string(),
  facts: MachineFacts,
  userData: v.optional(CachedPart),
  config: v.optional(CachedPart),
});

const fileOf = (settings: Settings): string => path.join(settings.stateDir, 'fetched.json');

/** Removes secrets, which are used only once. An `auth` that names a program holds none. */
function withoutSecrets(part: Part | undefined): v.InferOutput<typeof CachedPart> | undefined {
  if (part === undefined) return undefined;
  const { source, kind, document } = part;
  const { auth, ...rest } = document;
  const isOpen = auth?.awsIamAuthenticator !== undefined || auth?.exec !== undefined;
  return { source, kind, document: isOpen ? document : rest };
}

const asPart = (cached: v.InferOutput<typeof CachedPart> | undefined): Part | undefined =>
  cached && { ...cached, warnings: [] };

/** Reads the cache; undefined when it is unreadable, or of another machine, provider or `kios.config` address. */
export async function readCache(
  settings: Settings,
  platform: Platform,
): Promise<Remote | undefined> {
  const content = await readIfThere(fileOf(settings));
  if (content === undefined) return undefined;
  try {
    const cached = v.parse(Cache, JSON.parse(content));
    const isOurs =
      cached.machine === platform.machine &&
      cached.provider === platform.provider &&
      cached.configUrl === platform.configUrl;
    return isOurs
      ? { facts: cached.facts, userData: asPart(cached.userData), config: asPart(cached.config) }
      : undefined;
  } catch {
    return undefined;
  }
}

export async function writeCache(
  settings: Settings,
  platform: Platform,
  remote: Remote,
): Promise<void> {
  const cached: v.InferInput<typeof Cache> = {
    v: 1,
    provider: platform.provider,
    configUrl: platform.configUrl,
    machine: platform.machine,
    facts: remote.facts,
    userData: withoutSecrets(remote.userData),
    config: withoutSecrets(remote.config),
  };
  await writeAtomic(fileOf(settings), `${JSON.stringify(cached)}\n`, 0o600);
}

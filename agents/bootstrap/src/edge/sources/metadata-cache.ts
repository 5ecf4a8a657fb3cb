import { createHash } from 'node:crypto';
import path from 'node:path';

import { readIfThere, writeAtomic } from '@kios/agent';
import * as v from 'valibot';

import type { Part } from '../../core/document/parsed-document.ts';
import { PROVIDER_NAMES } from '../../core/providers/provider.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { asPart, CachedPart, withoutSecrets } from './cached-part.ts';
import { MachineFacts } from './machine-facts.ts';
import type { Platform } from './platform.ts';

/** Everything that came over the network. */
export interface Remote {
  readonly facts: MachineFacts;
  readonly userData: Part | undefined;
  readonly config: Part | undefined;
}

/** The same on disk and without secrets, so that the next boot needs no network. */
const Cache = v.object({
  v: v.literal(1),
  provider: v.picklist(PROVIDER_NAMES),
  /** Hash of the addresses on the kernel's command line, which may have secrets in them. */
  addresses: v.string(),
  /** On a copied disk the cache does not count: it is about another machine. */
  machine: v.string(),
  facts: MachineFacts,
  userData: v.optional(CachedPart),
  config: v.optional(CachedPart),
});

const fileOf = (settings: Settings): string => path.join(settings.stateDir, 'fetched.json');

const addressesOf = ({ configUrl, seed }: Platform): string =>
  createHash('sha256')
    .update(JSON.stringify([configUrl, seed]))
    .digest('hex');

/** Reads the cache; undefined when it is unreadable, or of another machine, provider or address. */
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
      cached.addresses === addressesOf(platform);
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
    addresses: addressesOf(platform),
    machine: platform.machine,
    facts: remote.facts,
    userData: withoutSecrets(remote.userData),
    config: withoutSecrets(remote.config),
  };
  await writeAtomic(fileOf(settings), `${JSON.stringify(cached)}\n`, 0o600);
}

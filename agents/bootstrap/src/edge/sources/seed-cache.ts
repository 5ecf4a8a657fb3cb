import path from 'node:path';

import { readIfThere, writeAtomic } from '@kios/agent';
import * as v from 'valibot';

import type { Part } from '../../core/document/parsed-document.ts';
import { Volume } from '../../core/providers/seed-trust.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { asPart, CachedPart, withoutSecrets } from './cached-part.ts';
import { MachineFacts } from './machine-facts.ts';

/** The content of a seed. */
export interface Seed {
  readonly facts: MachineFacts;
  readonly userData: Part | undefined;
  /** Undefined for the firmware's configuration. */
  readonly volume: Volume | undefined;
}

/** The content of a volume. */
export interface KeptSeed extends Seed {
  readonly volume: Volume;
}

/** The volume by which a node joined: later boots do not mount it, so the node goes by this copy without secrets. */
const SeedCache = v.object({
  v: v.literal(1),
  /** On a copied disk the copy does not count: it is about another machine. */
  machine: v.string(),
  volume: Volume,
  facts: MachineFacts,
  userData: v.optional(CachedPart),
});

const fileOf = (settings: Settings): string => path.join(settings.stateDir, 'seed.json');

/** Reads the copy; undefined when there is none of this machine. */
export async function readSeedCache(
  settings: Settings,
  machine: string,
): Promise<KeptSeed | undefined> {
  const content = await readIfThere(fileOf(settings));
  if (content === undefined) return undefined;
  try {
    const cached = v.parse(SeedCache, JSON.parse(content));
    const { volume, facts, userData } = cached;
    return cached.machine === machine ? { volume, facts, userData: asPart(userData) } : undefined;
  } catch {
    return undefined;
  }
}

export async function writeSeedCache(
  settings: Settings,
  machine: string,
  { volume, facts, userData }: Seed,
): Promise<void> {
  if (volume === undefined) return;
  const cached: v.InferInput<typeof SeedCache> = {
    v: 1,
    machine,
    volume,
    facts,
    userData: withoutSecrets(userData),
  };
  await writeAtomic(fileOf(settings), `${JSON.stringify(cached)}\n`, 0o600);
}

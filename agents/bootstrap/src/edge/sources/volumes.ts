import { access } from 'node:fs/promises';
import path from 'node:path';

import {
  type Choice,
  distrustedVolumes,
  type IgnoredVolume,
  type Origin,
  SEED_LABELS,
  type SeedLabel,
  type Volume,
} from '../../core/providers/seed-trust.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { diskOf } from './disk.ts';
import { type KeptSeed, readSeedCache } from './seed-cache.ts';

export const exists = async (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

/** A volume without these is not a seed, whatever its label. */
const SIGNS: Readonly<Record<SeedLabel, readonly string[]>> = {
  cidata: ['meta-data', 'user-data'],
  'config-2': ['openstack/latest/meta_data.json'],
  azure: ['ovf-env.xml'],
};

async function findVolumes({ seedDir, sysfs }: Settings): Promise<readonly Volume[]> {
  const volumes: Volume[] = [];
  for (const label of SEED_LABELS) {
    const dir = path.join(seedDir, label);
    const signs = SIGNS[label].map(async (file) => exists(path.join(dir, file)));
    if ((await Promise.all(signs)).includes(true))
      volumes.push({ label, device: await diskOf(sysfs, dir) });
  }
  return volumes;
}

/** The part of the node's past that decides which volumes count. */
export interface Past {
  /** The source by which the node joined. */
  readonly origin: Origin | undefined;
  /** The instance id with which it was configured. */
  readonly instanceId?: string | undefined;
  /** The node has joined, and has its credentials: it needs nothing secret of a document. */
  readonly isMember: boolean;
}

/** The seed volumes of this machine. */
interface Volumes {
  readonly trusted: readonly Volume[];
  readonly distrusted: readonly IgnoredVolume[];
  /** The content of the trusted one, if that is not mounted. */
  readonly kept: KeptSeed | undefined;
}

/** Returns the copy of the volume by which a member joined; with it, the node needs nothing that is secret. */
async function readKept(
  settings: Settings,
  { machine, reEvaluate }: Choice,
  { origin, isMember }: Past,
): Promise<KeptSeed | undefined> {
  if (!isMember || reEvaluate) return undefined;
  const kept = await readSeedCache(settings, machine);
  const isOrigin = origin === undefined || origin.volume?.label === kept?.volume.label;
  return isOrigin ? kept : undefined;
}

/**
 * Finds the seed volumes that init mounted, and divides them by the node's past. Nothing is read from them. On a node
 * that has joined init mounts none of another disk, so a copy stands in for the one that is missing.
 */
export async function readVolumes(
  settings: Settings,
  choice: Choice,
  past: Past,
): Promise<Volumes> {
  const found = await findVolumes(settings);
  const distrusted = distrustedVolumes(found, past.origin, choice);
  const labels = new Set(distrusted.map(({ label }) => label));
  const trusted = found.filter(({ label }) => !labels.has(label));
  const kept = trusted.length > 0 ? undefined : await readKept(settings, choice, past);
  return { trusted: kept === undefined ? trusted : [kept.volume], distrusted, kept };
}

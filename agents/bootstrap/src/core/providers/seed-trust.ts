import * as v from 'valibot';

import type { Detected } from './detect.ts';
import type { ProviderName } from './provider.ts';

/** The clouds whose machines may get user data on a volume of this label: its folder below /run/kios/seed. */
const USERS = {
  cidata: ['nocloud'],
  'config-2': ['openstack', 'digitalocean'],
  azure: ['azure'],
} as const satisfies Record<string, readonly ProviderName[]>;
export type SeedLabel = keyof typeof USERS;
export const SEED_LABELS = ['cidata', 'config-2', 'azure'] as const satisfies readonly SeedLabel[];

/** A seed volume, with the lasting name of its disk as far as it has one. */
export const Volume = v.object({
  label: v.picklist(SEED_LABELS),
  device: v.optional(v.string()),
});
export type Volume = v.InferOutput<typeof Volume>;

export interface IgnoredVolume extends Volume {
  readonly why: string;
}

/** The source of the configuration by which a node joined its cluster. */
export const Origin = v.object({
  /** The machine, because a disk may be moved to another one. */
  machine: v.string(),
  provider: v.string(),
  /** The operator named the provider: by a flag or on the kernel's command line. */
  isNamed: v.boolean(),
  /** Absent when no volume was read. */
  volume: v.optional(Volume),
});
export type Origin = v.InferOutput<typeof Origin>;

/** What a run knows of its source before it reads it. */
export interface Choice {
  readonly machine: string;
  /** The provider that the operator names. */
  readonly named: ProviderName | undefined;
  readonly reEvaluate: boolean;
}

/** Returns whether the operator, or another machine, makes a source count that the node did not join by. */
export function isNewChoice(
  { machine, provider, isNamed }: Origin,
  { named, ...now }: Choice,
): boolean {
  if (now.reEvaluate || now.machine !== machine) return true;
  // The same name as at the join is no new choice: it would accept any volume for ever.
  return named !== undefined && !(isNamed && named === provider);
}

const describeVolume = ({ label, device }: Volume): string =>
  `volume ${label}${device === undefined ? '' : ` of disk ${device}`}`;

/**
 * Returns the volumes that do not count: a node that has joined trusts the one it joined by, or none. Anybody who
 * attaches a disk could otherwise configure it anew.
 */
export function distrustedVolumes(
  volumes: readonly Volume[],
  origin: Origin | undefined,
  choice: Choice,
): readonly IgnoredVolume[] {
  if (origin === undefined || isNewChoice(origin, choice)) return [];
  const { volume: known, provider } = origin;
  const by = known === undefined ? `provider ${provider}, without a volume` : describeVolume(known);
  return volumes
    .filter(({ label, device }) => known?.label !== label || known.device !== device)
    .map((volume) => ({ ...volume, why: `the node joined by ${by}` }));
}

/** Returns whether a cloud gives its machines user data on a volume of this label. */
export const isSeedOf = (label: SeedLabel, provider: ProviderName): boolean =>
  USERS[label].some((user) => user === provider);

/** Returns the volumes that a machine ignores because the cloud that was detected gives user data in another way. */
export const foreignVolumes = (
  volumes: readonly Volume[],
  { provider, by }: Detected,
): readonly IgnoredVolume[] =>
  volumes
    .filter(({ label }) => !isSeedOf(label, provider))
    .map((volume) => ({
      ...volume,
      why: `the user data of this machine comes from ${provider}, recognised by its ${by}`,
    }));

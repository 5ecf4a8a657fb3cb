import { setTimeout as sleep } from 'node:timers/promises';

import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import { descriptorOf, jsonBlob, MEDIA } from '../../build/formats/oci.ts';
import type { Referrer } from '../content/publication.ts';
import type { Layout } from './layout.ts';
import type { Repository } from './repository.ts';

const Listed = v.pipe(
  v.string(),
  v.parseJson(),
  v.looseObject({ manifests: v.array(v.looseObject({ digest: v.string() })) }),
);

/** Returns the tag that lists referrers where a registry has no API for them (OCI distribution-spec v1.1). */
const fallbackTag = (digest: string): string => digest.replace(':', '-');

/** Times from sending to looking, by attempt. A registry may need a moment until it lists what it has taken. */
const WAITS_MS = [0, 1000, 3000];

async function missingOf(
  repository: Repository,
  subject: string,
  referrers: readonly Referrer[],
): Promise<Referrer[]> {
  const listed = await repository.referrers(subject);
  return referrers.filter(({ manifest }) => !listed.has(manifest.digest));
}

/**
 * Adds manifests to the list behind the fallback tag. A program that was killed between a manifest and the list never
 * adds it later, because the manifest is there.
 */
async function repairList(
  repository: Repository,
  layout: Layout,
  subject: string,
  missing: readonly Referrer[],
): Promise<void> {
  const tag = fallbackTag(subject);
  const text = await repository.manifest(tag);
  const listed = text === undefined ? [] : v.parse(Listed, text).manifests;
  const index = jsonBlob(MEDIA.index, {
    schemaVersion: 2,
    mediaType: MEDIA.index,
    manifests: [
      ...listed,
      ...missing.map(({ manifest, artifactType }) => ({ ...descriptorOf(manifest), artifactType })),
    ],
  });
  await layout.add(index);
  await repository.tag(tag, index);
}

async function attachTo(
  repository: Repository,
  layout: Layout,
  subject: string,
  referrers: readonly Referrer[],
): Promise<void> {
  let missing = await missingOf(repository, subject, referrers);
  for (const [attempt, waitMs] of WAITS_MS.entries()) {
    if (missing.length === 0) return;
    // One after another: the list behind a fallback tag is read, changed and written, and two writers lose one entry.
    for (const { manifest } of missing) await repository.send(manifest.digest);
    await sleep(waitMs);
    missing = await missingOf(repository, subject, missing);
    if (missing.length === 0 || attempt === 0) continue;
    await repairList(repository, layout, subject, missing);
    missing = await missingOf(repository, subject, missing);
  }
  if (missing.length === 0) return;
  throw new KiosError(
    'KIOS_PUBLISH_REFERRERS',
    `attach ${missing.map(({ artifactType }) => artifactType).join(', ')} to ${repository.reference}@${subject}: the registry does not list it`,
    {
      exitCode: EXIT.unavailable,
      remedy: `Check that tags such as ${fallbackTag('sha256:…')} may be written and changed there.`,
    },
  );
}

/** Sends manifests about other ones and reads the registry's list of them back. */
export async function attach(
  repository: Repository,
  layout: Layout,
  referrers: readonly Referrer[],
): Promise<void> {
  const bySubject = Map.groupBy(referrers, ({ subject }) => subject.digest);
  for (const [subject, group] of bySubject) await attachTo(repository, layout, subject, group);
}

import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import type { Repository } from './transport/repository.ts';

const Index = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    manifests: v.optional(
      v.array(v.object({ platform: v.optional(v.object({ architecture: v.string() })) })),
      [],
    ),
  }),
);

/** Refuses to move a tag to an image that lacks an architecture which the tag has now: nodes of that kind use it. */
export async function keepArches(
  system: Repository,
  tag: string,
  arches: readonly string[],
): Promise<void> {
  const text = await system.manifest(tag);
  if (text === undefined) return;
  const published = v
    .parse(Index, text)
    .manifests.flatMap(({ platform }) => platform?.architecture ?? []);
  const lost = published.filter((arch) => !arches.includes(arch));
  if (lost.length === 0) return;
  throw new KiosError(
    'KIOS_PUBLISH_ARCH',
    `move ${system.reference}:${tag} to images for ${arches.join(' and ')}: it also has ${lost.join(' and ')} now`,
    {
      exitCode: EXIT.data,
      remedy: `Build for ${lost.join(' and ')} too and publish all together, or choose another --tag.`,
    },
  );
}

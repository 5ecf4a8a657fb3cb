import path from 'node:path';

import { readBuilds } from '../../../src/publish/content/built.ts';
import { makeSystemImage } from '../../../src/publish/content/os-image.ts';
import { makePublications, type Publication } from '../../../src/publish/content/publication.ts';
import { fakeDist } from './fake-builds.ts';

/** Makes the content of all repositories from the fake builds of a folder. */
export async function expectedPublications(home: string): Promise<Publication[]> {
  const builds = await readBuilds([], (arch) => fakeDist(home, arch));
  const systems = await Promise.all(
    builds.map(async (built) => {
      const { image } = await makeSystemImage(built, path.join(home, 'expected'));
      return [built, image] as const;
    }),
  );
  return makePublications(builds, new Map(systems));
}

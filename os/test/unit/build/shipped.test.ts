import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { expect, it } from 'vitest';

import {
  AGENTS,
  imageName,
  isOnlyPublished,
  PUBLISHED_AGENTS,
  SHIPPED,
} from '../../../src/build/shipped.ts';
import { repository } from '../../../src/workstation/paths.ts';

it('each agent ships or is only published', async () => {
  const folders = await readdir(path.join(repository, 'agents'));
  expect(folders.toSorted()).toEqual([...AGENTS, ...PUBLISHED_AGENTS].toSorted());
});

it('what is only published does not ship', () => {
  expect(SHIPPED.filter(isOnlyPublished)).toEqual([]);
  expect(PUBLISHED_AGENTS.map(imageName).filter(isOnlyPublished)).toHaveLength(2);
});

it('no static pod of the image runs what is only published', async () => {
  const folder = path.join(repository, 'manifests');
  const texts = await Promise.all(
    (await readdir(folder)).map((name) => readFile(path.join(folder, name), 'utf8')),
  );
  for (const agent of PUBLISHED_AGENTS) expect(texts.join('\n')).not.toContain(`/${agent}:`);
});

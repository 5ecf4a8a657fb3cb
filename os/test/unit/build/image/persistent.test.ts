import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { PERSISTENT } from '../../../../src/build/image/persistent.ts';
import { repository } from '../../../../src/workstation/paths.ts';

const Vector = v.array(v.object({ path: v.string() }));

it('the folders that outlive a boot are those that init mounts', async () => {
  const file = path.join(repository, 'packages/host-api/vectors/persistent.json');
  const folders = v
    .parse(Vector, JSON.parse(await readFile(file, 'utf8')))
    .map((each) => each.path);
  expect(PERSISTENT).toEqual(folders);
});

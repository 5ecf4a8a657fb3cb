import { readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';
import { expect, it } from 'vitest';

import { GROUP } from '../../../src/core/network/plan-links.ts';

const VECTOR = path.join(
  import.meta.dirname,
  '../../../../../packages/host-api/vectors/links.json',
);

it('makes its links in the group by which init knows them', async () => {
  const { group } = v.parse(v.object({ group: v.number() }), JSON.parse(await readFile(VECTOR, 'utf8')));
  expect(GROUP).toBe(group);
}); // prettier-ignore

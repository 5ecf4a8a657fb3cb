import { expect, it } from 'vitest';

import { coverageFaults, numbered } from '../../support/house/coverage.ts';
import { repositoryFiles } from '../../support/house/repository.ts';

it('each requirement of the module loader has tests that exist', async () => {
  const page = { name: 'docs/coverage/modules.md', requirements: numbered('M', 23) };
  expect(coverageFaults(await repositoryFiles(), page)).toEqual([]);
});

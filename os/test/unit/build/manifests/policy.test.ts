import path from 'node:path';

import { expect, it } from 'vitest';
import { parse } from 'yaml';

import { policyFaults } from '../../../../src/build/manifests/policy.ts';
import { readManifests } from '../../../../src/build/manifests/read.ts';
import { readPolicy } from '../../../../src/build/manifests/rules.ts';
import { repository } from '../../../../src/workstation/paths.ts';

it.each(['manifests', 'bench/manifests'])(
  'the pods of %s keep the policy and name images of this version',
  async (folder) => {
    const policy = await readPolicy();
    const files = await readManifests(path.join(repository, folder));
    expect(files).not.toEqual([]);
    for (const { text } of files) expect([...policyFaults(parse(text), policy)]).toEqual([]);
  },
);

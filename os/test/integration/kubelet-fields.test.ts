import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { repository } from '../../src/workstation/paths.ts';
import { formatKubeletTable } from '../support/kubelet-fields/kubelet-fields.ts';

/** Compiles kubelet's options when nothing is cached. */
const COMPILE_MS = 1_800_000;

let dir = '';
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-kubelet-fields-'));
});
afterAll(() => rm(dir, { recursive: true }));

it('the agent knows the fields and flags of the kubelet that ships', { timeout: COMPILE_MS }, async () => {
  // vitest's -u writes the file anew, for another version of kubelet.
  const file = path.join(repository, 'agents/bootstrap/src/core/document/kubelet-table.ts');
  await expect(await formatKubeletTable(dir)).toMatchFileSnapshot(file);
}); // prettier-ignore

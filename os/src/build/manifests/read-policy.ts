import { readFile } from 'node:fs/promises';
import path from 'node:path';

import { repository } from '../../workstation/paths.ts';
import { SHIPPED } from '../shipped.ts';
import { parsePolicy } from './policy-file.ts';
import type { Policy } from './rules/permissions.ts';
import { POLICY_FILE } from './rules/view.ts';

/** Reads what os/manifest-policy.yaml allows. */
export async function readPolicy(): Promise<Policy> {
  const text = await readFile(path.join(repository, POLICY_FILE), 'utf8');
  return { pods: parsePolicy(text), images: SHIPPED };
}

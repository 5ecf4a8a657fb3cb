import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';

import { repository } from '../workstation/paths.ts';

/** Versions of what the image takes from the npm registry. Upstream Go programs have theirs in os/upstream/<component>/go.mod. */
export const BUN = '1.4.5';
export const KOFFI = '3.3.4';

const Version = v.pipe(v.string(), v.parseJson(), v.strictObject({ version: v.string() }));

/** The product's version, which is written in version.json only: tag of its images, VERSION_ID of the node. */
export const KIOS = v.parse(
  Version,
  readFileSync(path.join(repository, 'version.json'), 'utf8'),
).version;

import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';

import { repository } from '../workstation/paths.ts';

/** Versions of the image's npm packages. Those of upstream Go programs are in os/upstream/<component>/go.mod. */
export const BUN = '1.4.5';
export const KOFFI = '3.3.4';

const Version = v.pipe(v.string(), v.parseJson(), v.strictObject({ version: v.string() }));

/** The version of kiOS, written only in version.json: the tag of its images and the node's VERSION_ID. */
export const KIOS = v.parse(
  Version,
  readFileSync(path.join(repository, 'version.json'), 'utf8'),
).version;

import * as v from 'valibot';

import { ARCHES } from '../../workstation/paths.ts';
import type { Release } from './model.ts';

/** Path of the file that names the version of a root. */
export const RELEASE_FILE = '/etc/kios/release.json';

const Schema = v.object({
  version: v.string(),
  buildTime: v.string(),
  kernel: v.string(),
  arch: v.picklist(ARCHES),
});

/** Reads the version of a root. Throws when the text is damaged. */
export const parseRelease = (text: string): Release =>
  v.parse(v.pipe(v.string(), v.parseJson(), Schema), text);

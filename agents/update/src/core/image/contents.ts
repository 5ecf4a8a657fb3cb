import type { Content } from '../plan/plan.ts';
import type { BuildRecord } from './build-record.ts';

/** Returns a whole file of the mounted system as its record describes it. */
export const contentOf = (
  from: Content['from'],
  { sha256: digest, bytes: size }: BuildRecord['efi'],
): Content => ({ from, digest, size });

/** Returns the modules of the mounted system; undefined where the image has none. */
export const modulesIn = ({ modules }: BuildRecord): Content | undefined =>
  modules === undefined ? undefined : contentOf('modules.erofs', modules);

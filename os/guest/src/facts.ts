import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const read = (file: string): string | null => {
  try {
    return readFileSync(file, 'utf8').replace(/\n$/, '');
  } catch {
    return null;
  }
};

/** Returns the SHA-256 of the running kernel's own copy of its configuration. */
function configuration(): string | null {
  try {
    return createHash('sha256')
      .update(gunzipSync(readFileSync('/proc/config.gz')))
      .digest('hex');
  } catch {
    return null;
  }
}

/**
 * Yields facts of the running kernel by name, and the values of `settings`; null stands for one that does not exist.
 */
export function* look(settings: readonly string[]): Generator<readonly [string, string | null]> {
  const security = '/host/sys/kernel/security';
  yield ['lockdown', read(`${security}/lockdown`)];
  yield ['security modules', read(`${security}/lsm`)];
  yield ['configuration', configuration()];
  yield ['mounts', read('/proc/1/mountinfo')];
  yield ['taint', read('/proc/sys/kernel/tainted')];
  for (const name of settings) yield [name, read(`/proc/sys/${name}`)];
}

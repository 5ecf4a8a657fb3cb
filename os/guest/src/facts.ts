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

/** SHA-256 of the configuration that the running kernel carries. */
function configuration(): string | null {
  try {
    return createHash('sha256')
      .update(gunzipSync(readFileSync('/proc/config.gz')))
      .digest('hex');
  } catch {
    return null;
  }
}

/** What the running kernel says of itself, by name; null where it has no such thing. */
export function* look(settings: readonly string[]): Generator<readonly [string, string | null]> {
  const security = '/host/sys/kernel/security';
  yield ['lockdown', read(`${security}/lockdown`)];
  yield ['security modules', read(`${security}/lsm`)];
  yield ['configuration', configuration()];
  yield ['mounts', read('/proc/1/mountinfo')];
  yield ['taint', read('/proc/sys/kernel/tainted')];
  for (const name of settings) yield [name, read(`/proc/sys/${name}`)];
}

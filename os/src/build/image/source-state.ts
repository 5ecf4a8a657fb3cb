import path from 'node:path';

import { fileSha256, sha256 } from '../../workstation/digest.ts';
import { pathsBelow } from '../../workstation/paths-below.ts';
import { repository } from '../../workstation/paths.ts';
import { run } from '../../workstation/run.ts';

const DAY = 86_400;

/**
 * Returns the time of the build, seconds since the epoch: the day (UTC) of the newest commit, so that equal sources
 * give equal bytes and the commits of a day share the slow steps. A node's clock never starts below it.
 */
export async function sourceTime(): Promise<number> {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined) return Number(given);
  const commit = Number(await run('git', ['log', '-1', '--format=%ct'], { cwd: repository }));
  return commit - (commit % DAY);
}

/**
 * Returns the digest of the code under `os/src/build`, which may make other bytes from equal inputs when it changes.
 */
export async function ownCode(): Promise<string> {
  const folder = path.resolve(import.meta.dirname, '..');
  const { files } = await pathsBelow(folder);
  return sha256(
    (await Promise.all(files.map((name) => fileSha256(path.join(folder, name))))).join(),
  );
}

import { errorCode } from '@kios/errors';

import { BootstrapError } from '../../core/faults/errors.ts';
import { readPlainFile } from '../sources/plain-file.ts';

/** Longer than any file that the agent writes. */
const LIMIT = 4 << 20;

/** What open(2) says of a file without rights for its owner, of a socket, and of a link in a circle. */
const FOREIGN = new Set(['EACCES', 'EPERM', 'ENXIO', 'ELOOP']);

/** Says whether something was read that the agent has not written; not of an error of the disk. */
const isForeign = (error: unknown): boolean =>
  error instanceof BootstrapError &&
  (error.cause === undefined || FOREIGN.has(errorCode(error.cause) ?? ''));

/**
 * Reads a file of the agent's own; undefined when it does not exist. Something else in its place, such as a FIFO, is
 * `foreign`: it is not waited for, and counts as a file that must be replaced.
 */
export async function readOwnFile(file: string): Promise<Buffer | 'foreign' | undefined> {
  try {
    const bytes = await readPlainFile(file, LIMIT);
    return bytes === undefined ? undefined : Buffer.from(bytes);
  } catch (error) {
    if (isForeign(error)) return 'foreign';
    throw error;
  }
}

/** Reads it as text; undefined also when something else is in its place. */
export async function readOwnText(file: string): Promise<string | undefined> {
  const content = await readOwnFile(file);
  return content === undefined || content === 'foreign' ? undefined : content.toString('utf8');
}

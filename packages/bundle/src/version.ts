import { readFile } from 'node:fs/promises';
import path from 'node:path';

const FILE = path.join(import.meta.dirname, '../../../version.json');

/** Reads kiOS's version from version.json at the root of the repository. */
export async function readVersion(): Promise<string> {
  const file: unknown = JSON.parse(await readFile(FILE, 'utf8'));
  if (typeof file === 'object' && file !== null && 'version' in file) return String(file.version);
  throw new Error(`${FILE} has no version`);
}

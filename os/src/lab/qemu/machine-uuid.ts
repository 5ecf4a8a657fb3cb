import { randomUUID } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import path from 'node:path';

import { makePrivateDir, readIfThere, writePrivate } from '../../workstation/files.ts';

const UUID_FILE = 'uuid';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Returns the UUID of the machine in a folder: random, and the same at each of its boots. */
export async function machineUuid(dir: string): Promise<string> {
  const file = path.join(dir, UUID_FILE);
  const known = (await readIfThere(file))?.trim() ?? '';
  if (UUID.test(known)) return known;
  const uuid = randomUUID();
  await writePrivate(file, `${uuid}\n`);
  return uuid;
}

/** Makes a machine's folder empty but for its UUID: with another disk it is still the same machine. */
export async function clearMachine(dir: string): Promise<void> {
  await makePrivateDir(dir);
  const names = (await readdir(dir)).filter((name) => name !== UUID_FILE);
  const remove = async (name: string): Promise<void> =>
    rm(path.join(dir, name), { recursive: true, force: true });
  await Promise.all(names.map(remove));
}

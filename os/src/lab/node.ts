import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { readIfThere } from '../workstation/files.ts';
import { stateDir } from '../workstation/paths.ts';
import { Machine } from './qemu/machine.ts';

/** Name of the lab's node. It comes from the seed, so it also proves that the seed sets the host name. */
export const NODE_NAME = 'kios-node-1';
/** Address at which the API server sees the guest's kubelet: QEMU's user network gives it to the first guest. */
export const NODE_ADDRESS = '10.0.2.15';

const IMAGE_FILE = 'image.json';
const INSTANCE_FILE = 'instance-id';

/** Returns the folder of a machine of this checkout. */
export const machineDir = (name = 'node'): string => path.join(stateDir, name);

/** Returns the machine of the lab's node. */
export const labMachine = (): Machine => new Machine(machineDir());

async function imageIdentity(image: string): Promise<string> {
  const { size, mtimeMs } = await stat(image);
  return JSON.stringify({ image, size, mtimeMs });
}

/** Makes the machine's disk from `image`, unless it already has one made from this very image. */
export async function ensureDisk(machine: Machine, image: string): Promise<void> {
  const record = path.join(machine.dir, IMAGE_FILE);
  const wanted = await imageIdentity(image);
  const known = await readIfThere(record);
  if (known === wanted) return;
  await machine.create(image);
  await writeFile(path.join(machine.dir, INSTANCE_FILE), `kios-${randomUUID()}`);
  await writeFile(record, wanted);
}

/** Reads the instance id of the disk. A node that sees another one is a copy and joins anew. */
export const instanceId = async (machine: Machine): Promise<string> =>
  readFile(path.join(machine.dir, INSTANCE_FILE), 'utf8');

/** Starts new logs for a boot, and keeps those of the previous boot as `*.1`. */
export async function freshLogs(machine: Machine): Promise<void> {
  await mkdir(machine.dir, { recursive: true });
  for (const name of ['console', 'hostLogs'] as const) {
    const file = machine.file(name);
    const content = await readFile(file).catch(() => undefined);
    if (content !== undefined) await writeFile(`${file}.1`, content);
    await rm(file, { force: true });
  }
}

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { readIfThere } from '../workstation/files.ts';
import { stateDir } from '../workstation/paths.ts';
import { Machine } from './qemu/machine.ts';

/** Name of the try-out node; given by the seed, so it also proves that the host name is set by it. */
export const NODE_NAME = 'kios-node-1';
/** Where the guest's kubelet is seen by the API server: QEMU's user network gives its first guest this address. */
export const NODE_ADDRESS = '10.0.2.15';

const IMAGE_FILE = 'image.json';
const INSTANCE_FILE = 'instance-id';

/** The folder of a machine of this checkout. */
export const machineDir = (name = 'node'): string => path.join(stateDir, name);

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

/** The disk's identity towards the node: another one tells a node that it is a copy and has to join anew. */
export const instanceId = async (machine: Machine): Promise<string> =>
  readFile(path.join(machine.dir, INSTANCE_FILE), 'utf8');

/** Starts the logs of a boot afresh; the ones of the boot before stay beside them. */
export async function freshLogs(machine: Machine): Promise<void> {
  await mkdir(machine.dir, { recursive: true });
  for (const name of ['console', 'hostLogs'] as const) {
    const file = machine.file(name);
    const content = await readFile(file).catch(() => undefined);
    if (content !== undefined) await writeFile(`${file}.1`, content);
    await rm(file, { force: true });
  }
}

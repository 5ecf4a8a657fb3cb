import { open, readFile } from 'node:fs/promises';
import path from 'node:path';

import { readIfThere, writeAtomic } from '@kios/agent';
import { readStateIfThere, SlotsState } from '@kios/node-state';

import { UpdateError } from '../../core/faults/errors.ts';
import { type BuildRecord, parseRecord } from '../../core/image/build-record.ts';
import { type Arch, HEAD_BYTES, imageFault } from '../../core/image/pe.ts';
import { formatMemory, type Memory, parseMemory } from '../../core/pass/memory.ts';
import { digestOf } from '../esp/files.ts';

const UNTOLD: SlotsState = {
  v: 1,
  managed: false,
  running: 0,
  version: '',
  state: 'good',
  triesLeft: 0,
  good: [],
  failed: null,
  dirty: false,
  reason: 'its init does not know of updates',
};

/** Init reads the medium within two minutes after the boot; one that says nothing for so long never does. */
const SILENCE_MS = 300_000;

/** What init says of the systems on the medium. */
export class SlotsFile {
  readonly #file: string;
  readonly #since: number;
  readonly #now: () => number;

  constructor(file: string, now: () => number) {
    this.#file = file;
    this.#now = now;
    this.#since = now();
  }

  /** Reads the file; undefined as long as init may still come to it. */
  async read(): Promise<SlotsState | undefined> {
    const state = await readStateIfThere(SlotsState, this.#file);
    const isSilent = this.#now() - this.#since > SILENCE_MS;
    return state ?? (isSilent ? UNTOLD : undefined);
  }
}

async function read(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new UpdateError('KIOS_UPDATE_SETUP', `read ${file}`, { cause });
  }
}

/** Reads the kernel's number of this boot. Kubelet reports the same as `status.nodeInfo.bootID`. */
export const readBootId = (file: string): Promise<string> => read(file);

export const imageIn = (folder: string): string => path.join(folder, 'kios.efi');

/** Reads what the mounted system says of itself. */
export async function readRecord(folder: string): Promise<BuildRecord> {
  const file = path.join(folder, 'build.json');
  return parseRecord(file, await read(file));
}

/** Fails unless the mounted system is what its record says, and has the form of a system. */
export async function checkImage(
  folder: string,
  record: BuildRecord,
  signal: AbortSignal,
): Promise<void> {
  const file = imageIn(folder);
  const refuse = (why: string, options: ErrorOptions = {}): UpdateError =>
    new UpdateError('KIOS_UPDATE_IMAGE', `use ${file}: ${why}`, options);
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw refuse('it cannot be read', { cause });
  });
  try {
    const { size } = await handle.stat();
    if (size !== record.efi.bytes)
      throw refuse(`it has ${size} bytes, and should have ${record.efi.bytes}`);
    const head = Buffer.alloc(Math.min(size, HEAD_BYTES));
    await handle.read(head, 0, head.length, 0);
    const fault = imageFault(head, size, record.arch);
    if (fault !== undefined) throw refuse(fault);
    if ((await digestOf(file, signal)) !== record.efi.sha256)
      throw refuse('it is not what build.json says');
  } finally {
    await handle.close();
  }
}

const ARCHES: Readonly<Record<string, Arch>> = { x64: 'amd64', arm64: 'arm64' };

export function ownArch(): Arch {
  const arch = ARCHES[process.arch];
  if (arch !== undefined) return arch;
  throw new UpdateError('KIOS_UPDATE_SETUP', `find an image for ${process.arch}`);
}

/** The file in which the agent remembers. */
export class MemoryFile {
  readonly #file: string;

  constructor(folder: string) {
    this.#file = path.join(folder, 'memory.json');
  }

  async read(): Promise<Memory> {
    return parseMemory(await readIfThere(this.#file));
  }

  async write(memory: Memory): Promise<void> {
    await writeAtomic(this.#file, formatMemory(memory), 0o600);
  }
}

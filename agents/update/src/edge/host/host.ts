import { open, readFile } from 'node:fs/promises';
import path from 'node:path';

import { readIfThere, writeAtomic } from '@kios/agent';
import { readStateIfThere, SlotsState } from '@kios/node-state';

import { UpdateError } from '../../core/faults/errors.ts';
import { type BuildRecord, parseRecord } from '../../core/image/build-record.ts';
import { type Arch, HEAD_BYTES, imageFault } from '../../core/image/pe.ts';
import { formatMemory, type Memory, parseMemory } from '../../core/pass/memory.ts';
import type { Content, Wish } from '../../core/plan/plan.ts';
import { digestOf, rangeOf } from '../esp/files.ts';
import { readSignatureFault } from './signature.ts';

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
  modules: false,
  encrypted: false,
  board: '',
  signers: null,
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

/** Reads what the mounted system says of itself. */
export async function readRecord(folder: string): Promise<BuildRecord> {
  const file = path.join(folder, 'build.json');
  return parseRecord(file, await read(file));
}

async function readHead(file: string): Promise<{ head: Buffer; size: number }> {
  const handle = await open(file, 'r');
  try {
    const { size } = await handle.stat();
    const head = Buffer.alloc(Math.min(size, HEAD_BYTES));
    await handle.read(head, 0, head.length, 0);
    return { head, size };
  } finally {
    await handle.close();
  }
}

/** Says why a file of the mounted system is not what its record says; undefined when it is. */
async function faultOf(
  file: string,
  content: Content,
  signal: AbortSignal,
  fault: (head: Uint8Array) => string | undefined,
): Promise<string | undefined> {
  const { digest, size, offset } = content;
  const found = await readHead(file);
  if (offset === undefined && found.size !== size)
    return `it has ${found.size} bytes, and should have ${size}`;
  const why = fault(found.head);
  if (why !== undefined) return why;
  return (await digestOf(file, signal, rangeOf(content))) === digest
    ? undefined
    : 'it is not what build.json says';
}

/** Fails unless a file of the mounted system, or a part of it, is what its record says. */
export async function checkFile(
  folder: string,
  content: Content,
  signal: AbortSignal,
  fault: (head: Uint8Array) => string | undefined = () => undefined,
): Promise<void> {
  const file = path.join(folder, content.from);
  const refuse = (why: string, options: ErrorOptions = {}): UpdateError =>
    new UpdateError('KIOS_UPDATE_IMAGE', `use ${file}: ${why}`, options);
  const why = await faultOf(file, content, signal, fault).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw refuse('it cannot be read', { cause });
  });
  if (why !== undefined) throw refuse(why);
}

/** What a machine starts: programs for its architecture, and with Secure Boot only those that these have signed. */
export interface Startable {
  readonly arch: Arch;
  /** SHA-256 of certificates; null while Secure Boot is off. */
  readonly signers: SlotsState['signers'];
}

/** Fails unless firmware with Secure Boot would start the system. */
async function checkSignature(
  file: string,
  signers: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const why = await readSignatureFault(file, signers, signal);
  if (why === undefined) return;
  throw new UpdateError('KIOS_UPDATE_SIGNATURE', `start ${file} with Secure Boot: ${why}`);
}

/** Fails unless the files of the mounted system are what its record says, and this machine would start the EFI file. */
export async function checkImage(
  folder: string,
  { efi, modules }: Wish,
  { arch, signers }: Startable,
  signal: AbortSignal,
): Promise<void> {
  await checkFile(folder, efi, signal, (head) => imageFault(head, efi.size, arch));
  if (signers !== null) await checkSignature(path.join(folder, efi.from), signers, signal);
  if (modules !== undefined) await checkFile(folder, modules, signal);
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

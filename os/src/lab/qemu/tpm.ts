import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, open, rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { EXIT, KiosError } from '@kios/errors';

import { extract, fetchDebian } from '../../build/sources/debian/archive.ts';
import { LOADER, triplet } from '../../build/sources/debian/toolroot.ts';
import { workstationArch } from '../../workstation/arch.ts';
import { readIfThere } from '../../workstation/files.ts';
import type { Arch } from '../../workstation/paths.ts';
import { identify, type ProcessIdentity, terminate } from '../../workstation/process.ts';
import { type Progress, silent } from '../../workstation/progress.ts';

/** swtpm and its libraries. */
const PACKAGES = [
  'swtpm', 'swtpm-libs', 'libc6', 'libffi8', 'libglib2.0-0t64', 'libjson-glib-1.0-0', 'libpcre2-8-0', 'libseccomp2',
  'libssl3t64', 'libtpms0', 'libzstd1', 'zlib1g',
]; // prettier-ignore

const READY_MS = 10_000;
const LOOK_MS = 20;

/** The model that a machine has, by architecture; the kernel knows one driver for each. */
const MODELS = { amd64: ['tpm-crb', 'tpm-tis'], arm64: ['tpm-tis-device'] } as const;
export type TpmModel = (typeof MODELS)[Arch][number];

/** Returns the flags by which a machine has the TPM that listens on a socket. */
export const tpmFlags = (socket: string, model: TpmModel): string[] => [
  `-chardev socket,id=tpm,path=${socket}`,
  '-tpmdev emulator,id=tpm0,chardev=tpm',
  `-device ${model},tpmdev=tpm0`,
];

const failed = (detail: string, cause?: unknown): KiosError =>
  new KiosError('KIOS_QEMU', `start the emulated TPM: ${detail}`, {
    exitCode: EXIT.system,
    ...(cause === undefined ? {} : { cause }),
  });

/** Returns the command that runs swtpm, which has libraries of its own in a folder of its own. */
async function openSwtpm(progress: Progress): Promise<string[]> {
  const arch = workstationArch();
  const root = await extract(await fetchDebian({ arch, packages: PACKAGES, progress }));
  const libraries = path.join(root, 'usr/lib', triplet(arch));
  const paths = [libraries, path.join(libraries, 'swtpm')].join(':');
  const program = path.join(root, 'usr/bin/swtpm');
  return [path.join(libraries, LOADER[arch]), '--library-path', paths, program];
}

/** A TPM 2.0 whose state is in a folder, for one run of a machine: it ends with QEMU. */
export class EmulatedTpm implements AsyncDisposable {
  readonly #process: ProcessIdentity;
  /** QEMU's end of it. */
  readonly socket: string;

  private constructor(process: ProcessIdentity, socket: string) {
    this.#process = process;
    this.socket = socket;
  }

  /** Powers the TPM on. Without state in the folder it is a new one. */
  static async start(folder: string, progress: Progress = silent): Promise<EmulatedTpm> {
    const [ld = '', ...command] = await openSwtpm(progress);
    await mkdir(folder, { recursive: true });
    const socket = path.join(folder, 'socket');
    await rm(socket, { force: true });
    const log = path.join(folder, 'swtpm.log');
    await using output = await open(log, 'a', 0o600);
    const args = [
      'socket',
      '--tpm2',
      '--terminate',
      '--tpmstate',
      `dir=${folder}`,
      '--ctrl',
      `type=unixio,path=${socket}`,
    ];
    const stdio = ['ignore' as const, output.fd, output.fd];
    const child = spawn(ld, [...command, ...args], { detached: true, stdio });
    await once(child, 'spawn').catch((cause: unknown) => {
      throw failed('it cannot be executed', cause);
    });
    child.unref();
    const { pid } = child;
    const end = Date.now() + READY_MS;
    while (!existsSync(socket)) {
      if (Date.now() > end || child.exitCode !== null)
        throw failed((await readIfThere(log))?.trim().split('\n').at(-1) ?? 'it says nothing');
      await sleep(LOOK_MS);
    }
    const started = pid === undefined ? undefined : await identify(pid);
    if (started === undefined) throw failed('it ended at once');
    // QEMU may have given up root before it connects.
    await chmod(socket, 0o666);
    return new EmulatedTpm(started, socket);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await terminate(this.#process);
  }
}

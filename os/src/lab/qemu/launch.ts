import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, open, readFile } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { identify, isAlive, type ProcessIdentity, terminate } from '../../workstation/process.ts';
import { MACHINE_FILES } from './arguments.ts';
import { qmp } from './qmp.ts';

/** `nobody` on every Linux. */
const NOBODY = 65_534;
/** QEMU opens its files and makes its devices before it replies. */
const READY_MS = 30_000;
const LOOK_MS = 50;

/**
 * Returns the arguments that confine QEMU, so that a guest that takes it over gains little: it starts no program, and
 * none of its system calls that change users or schedulers succeed. It gives up root after it has opened its files;
 * that needs the system calls which change users.
 */
export const confinement = (isRoot: boolean): string[] => [
  '-sandbox',
  `on,obsolete=deny,${isRoot ? '' : 'elevateprivileges=deny,'}spawn=deny,resourcecontrol=deny`,
  ...(isRoot ? ['-run-with', `user=${NOBODY}:${NOBODY}`] : []),
];

const failed = (detail: string, cause?: unknown): KiosError =>
  new KiosError('KIOS_QEMU', `start the virtual machine${detail}`, {
    exitCode: EXIT.system,
    ...(cause === undefined ? {} : { cause }),
    ...(/host forwarding|hostfwd/.test(detail)
      ? { remedy: 'Try again: another program took the port in the meantime.' }
      : {}),
  });

/**
 * Starts QEMU in `dir`, where it outlives this program, and waits until it runs its guest. `-daemonize` is not used,
 * because the sandbox forbids the system calls that it needs.
 */
export async function launchQemu(
  dir: string,
  [program = '', ...args]: readonly string[],
): Promise<ProcessIdentity> {
  const isRoot = process.getuid?.() === 0;
  // After it has given up root, QEMU still makes files in this folder when a test asks it to.
  if (isRoot) await chown(dir, NOBODY, NOBODY);
  const log = path.join(dir, MACHINE_FILES.log);
  await using output = await open(log, 'w', 0o600);
  const child = spawn(program, [...args, ...confinement(isRoot)], {
    cwd: dir,
    detached: true,
    stdio: ['ignore', output.fd, output.fd],
  });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw failed('', cause);
  }
  child.unref();
  const identity = await identify(child.pid ?? 0);
  if (identity !== undefined && (await isReady(dir, identity))) return identity;
  if (identity !== undefined) await terminate(identity);
  throw failed(`: ${(await readFile(log, 'utf8')).trim() || 'QEMU does not reply'}`);
}

async function isReady(dir: string, identity: ProcessIdentity): Promise<boolean> {
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline && (await isAlive(identity))) {
    const reply = await qmp(dir, MACHINE_FILES.qmp, 'query-status').catch(() => undefined);
    if (reply !== undefined) return true;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return false;
}

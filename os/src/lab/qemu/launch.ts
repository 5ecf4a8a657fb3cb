import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, open, rm } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';

import { readIfThere } from '../../workstation/files.ts';
import {
  identify,
  isAlive,
  killGroup,
  lastInChain,
  type ProcessIdentity,
  terminate,
} from '../../workstation/process.ts';
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
    ...(/host forwarding|hostfwd|Failed to bind/.test(detail)
      ? { remedy: 'Try again: another program took the port in the meantime.' }
      : {}),
  });

/** QEMU's process, and the first of the processes that started it and end with it. */
export interface Launched extends ProcessIdentity {
  readonly first: ProcessIdentity;
}

/** Starts the command in `dir`. Errors of a wrapper go to a log of its own, because most of its lines are warnings. */
async function start(
  dir: string,
  [program = '', ...args]: readonly string[],
  errors: 'log' | 'networkLog',
): Promise<ProcessIdentity> {
  await using log = await open(path.join(dir, MACHINE_FILES.log), 'a', 0o600);
  await using errorLog = await open(path.join(dir, MACHINE_FILES[errors]), 'a', 0o600);
  const stdio = ['ignore', log.fd, errorLog.fd] as const;
  const child = spawn(program, args, { cwd: dir, detached: true, stdio: [...stdio] });
  try {
    await once(child, 'spawn');
  } catch (cause) {
    throw failed('', cause);
  }
  child.unref();
  const { pid } = child;
  if (pid === undefined) throw failed('');
  // A program that has ended already has no identity, but may have left others.
  return (await identify(pid)) ?? { pid, startTicks: '' };
}

/** Returns QEMU's own words, or else the last of the wrapper's. */
async function readCause(dir: string): Promise<string> {
  const read = async (name: 'log' | 'networkLog'): Promise<string> =>
    ((await readIfThere(path.join(dir, MACHINE_FILES[name]))) ?? '').trim();
  const wrapper = (await read('networkLog')).split('\n').at(-1) ?? '';
  return [await read('log'), wrapper, 'QEMU does not reply'].find((text) => text !== '') ?? '';
}

/**
 * Starts QEMU in `dir`, where it outlives this program, and waits until it runs its guest. `wrapper` names programs
 * that start it. `-daemonize` is not used, because the sandbox forbids the system calls that it needs.
 */
export async function launchQemu(
  dir: string,
  command: readonly string[],
  wrapper: readonly string[] = [],
): Promise<Launched> {
  const isRoot = process.getuid?.() === 0;
  // After it has given up root, QEMU still makes files in this folder when a test asks it to.
  if (isRoot) await chown(dir, NOBODY, NOBODY);
  for (const name of ['log', 'networkLog'] as const)
    await rm(path.join(dir, MACHINE_FILES[name]), { force: true });
  const errors = wrapper.length === 0 ? 'log' : 'networkLog';
  const first = await start(dir, [...wrapper, ...command, ...confinement(isRoot)], errors);
  const qemu = (await isReady(dir, first))
    ? await identify(await lastInChain(first.pid))
    : undefined;
  if (qemu !== undefined) return { ...qemu, first };
  await terminate(first);
  killGroup(first.pid);
  throw failed(`: ${await readCause(dir)}`);
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

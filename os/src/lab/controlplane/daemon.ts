import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import { EXIT, KiosError } from '@kios/errors';
import * as v from 'valibot';

import { makePrivateDir, readIfThere, writePrivate } from '../../workstation/files.ts';
import { identify, isAlive, type ProcessIdentity, terminate } from '../../workstation/process.ts';
import { layout } from './layout.ts';

/** A background process that outlives the program that started it. */
export interface Daemon {
  readonly name: string;
  readonly command: readonly string[];
}

const Running = v.strictObject({
  pid: v.number(),
  startTicks: v.string(),
  command: v.array(v.string()),
});
type Running = v.InferOutput<typeof Running>;

const STOP_MS = 15_000;
const TAIL_BYTES = 8192;
const TAIL_LINES = 8;
const LINE_LENGTH = 400;

const recordOf = (name: string): string => path.join(layout.run, `${name}.json`);

/** Returns the file of a process's output. */
export const logOf = (name: string): string => path.join(layout.logs, `${name}.log`);

async function readRecord(name: string): Promise<Running | undefined> {
  const text = await readIfThere(recordOf(name));
  if (text === undefined) return undefined;
  try {
    return v.parse(Running, JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** `stopped`: not started, or stopped by `stopDaemon`. `dead`: ended by itself. */
export type DaemonState =
  | { readonly state: 'stopped' }
  | { readonly state: 'running' | 'dead'; readonly pid: number };

export async function daemonState(name: string): Promise<DaemonState> {
  const record = await readRecord(name);
  if (record === undefined) return { state: 'stopped' };
  return { state: (await isAlive(record)) ? 'running' : 'dead', pid: record.pid };
}

/** Returns the end of a process's log, for an error message. */
export async function tailOfLog(name: string): Promise<string> {
  const file = await open(logOf(name)).catch(() => undefined);
  if (file === undefined) return '(no log)';
  try {
    const { size } = await file.stat();
    const from = Math.max(0, size - TAIL_BYTES);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, from);
    const lines = buffer.toString('utf8', 0, bytesRead).trimEnd().split('\n');
    return lines
      .slice(-TAIL_LINES)
      .map((line) => line.slice(0, LINE_LENGTH))
      .join('\n');
  } finally {
    await file.close();
  }
}

async function launch({ name, command }: Daemon): Promise<ProcessIdentity | undefined> {
  const [file = '', ...args] = command;
  await makePrivateDir(layout.logs);
  await rename(logOf(name), `${logOf(name)}.1`).catch(() => {});
  const log = await open(logOf(name), 'a', 0o600);
  try {
    const child = spawn(file, args, {
      cwd: layout.run,
      detached: true,
      stdio: ['ignore', log.fd, log.fd],
    });
    await once(child, 'spawn');
    child.unref();
    return await identify(child.pid ?? 0);
  } catch (cause) {
    throw new KiosError('KIOS_CP_START', `start ${name}`, { cause, exitCode: EXIT.system });
  } finally {
    await log.close();
  }
}

/** Starts a process unless the same command already runs; a process with another command is replaced. */
export async function startDaemon(daemon: Daemon): Promise<void> {
  await makePrivateDir(layout.run);
  const record = await readRecord(daemon.name);
  if (record !== undefined && (await isAlive(record))) {
    if (JSON.stringify(record.command) === JSON.stringify(daemon.command)) return;
    await stopDaemon(daemon.name);
  }
  const identity = await launch(daemon);
  if (identity === undefined) throw await endedError(daemon.name);
  const running: Running = { ...identity, command: [...daemon.command] };
  await writePrivate(recordOf(daemon.name), JSON.stringify(running));
}

/** Ends a process, by force at the deadline, and removes its record. */
export async function stopDaemon(name: string): Promise<void> {
  const record = await readRecord(name);
  if (record !== undefined) await terminate(record, STOP_MS);
  await rm(recordOf(name), { force: true });
}

/** Returns the error for a process that ended by itself. */
export async function endedError(name: string): Promise<KiosError> {
  const tail = await tailOfLog(name);
  return new KiosError(
    'KIOS_CP_ENDED',
    `keep ${name} running: it ended; the end of its log:\n${tail}`,
    {
      exitCode: EXIT.unavailable,
      remedy: `Read ${logOf(name)}.`,
    },
  );
}

/** Fails when one of `names` does not run. */
export async function expectRunning(names: readonly string[]): Promise<void> {
  for (const name of names)
    if ((await daemonState(name)).state !== 'running') throw await endedError(name);
}

/** Waits until `ready` returns true while all of `names` run. Fails when one ends, or at the deadline. */
export async function waitUntil(
  names: readonly string[],
  ready: () => Promise<boolean>,
  what: string,
  timeoutMs: number,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await ready())) {
    await expectRunning(names);
    if (Date.now() > deadline) {
      const last = names.at(-1) ?? '';
      const tail = await tailOfLog(last);
      throw new KiosError(
        'KIOS_CP_TIMEOUT',
        `get ${what} ready within ${timeoutMs / 1000} s; the end of the log of ${last}:\n${tail}`,
        { exitCode: EXIT.unavailable, remedy: `Read the logs in ${layout.logs}.` },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

import { existsSync } from 'node:fs';
import path from 'node:path';

import { DirectoryWatch } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';

import type { Condition } from '../../core/devices/condition.ts';
import type { EventQueue } from './event-queue.ts';

const unmet = (conditions: readonly Condition[]): Condition[] =>
  conditions.filter((condition) => !existsSync(condition.path));

/** Returns the lowest folder above a path that is there: an entry that appears on the way to the path changes it. */
export function nearestFolder(file: string): string {
  let folder = path.dirname(file);
  while (!existsSync(folder) && folder !== path.dirname(folder)) folder = path.dirname(folder);
  return folder;
}

export interface Wait {
  /** Its events tell of changes in sysfs, which has no inotify. */
  readonly queue: EventQueue;
  /** Called once, with what does not hold yet, when `timeoutMs` are over; the wait goes on unless it throws. */
  readonly late: (conditions: readonly string[]) => void;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Waits until all conditions hold. Rejects when stopped, or when `late` throws. */
export async function waitForAll(
  conditions: readonly Condition[],
  { queue, late, timeoutMs, signal }: Wait,
): Promise<void> {
  const stop = new AbortController();
  const timer = setTimeout(() => {
    try {
      late(unmet(conditions).map(({ text }) => text));
    } catch (error) {
      stop.abort(error);
    }
  }, timeoutMs);
  try {
    await untilMet(conditions, queue, AbortSignal.any([signal, stop.signal]));
  } finally {
    clearTimeout(timer);
  }
}

async function untilMet(
  conditions: readonly Condition[],
  queue: EventQueue,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    // Opened before the conditions are read, so that no change is missed between the two.
    const folders = unmet(conditions).map(({ path: file }) => nearestFolder(file));
    using watch = new DirectoryWatch([...new Set(folders)]);
    if (unmet(conditions).length === 0) return;
    await changeOf(watch, queue, signal);
  }
}

/** Waits for a device event or a change in a folder. */
async function changeOf(
  watch: DirectoryWatch,
  queue: EventQueue,
  signal: AbortSignal,
): Promise<void> {
  const heard = new AbortController();
  const forget = queue.listen(() => heard.abort());
  try {
    await watch.wait(undefined, AbortSignal.any([signal, heard.signal]));
  } catch (error) {
    signal.throwIfAborted();
    if (!heard.signal.aborted) throw error;
  } finally {
    forget();
  }
}

/** Ends a one-shot whose conditions do not hold in time. */
export function failLate(timeoutMs: number): (conditions: readonly string[]) => never {
  return (conditions) => {
    throw new KiosError(
      'KIOS_MODULE_WAIT',
      `find ${conditions.join(' and ')} within ${timeoutMs / 1000} s`,
      {
        exitCode: EXIT.unavailable,
        remedy: 'See `modloader missing` for devices without a driver.',
      },
    );
  };
}

import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';

/** The identity of a process, which a later process with the same number does not share. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Field 22 of /proc/<pid>/stat: clock ticks between boot and the start of the process. */
  readonly startTicks: string;
}

/** Returns the process that has this number now; undefined for none or a zombie. */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The second field is the program's name in parentheses and may hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const startTicks = fields[19];
  return fields[0] === 'Z' || startTicks === undefined ? undefined : { pid, startTicks };
}

/** Returns the number of the last process of a chain in which each has started the next. */
export async function lastInChain(pid: number): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const child = Number(children.split(' ')[0]);
  return child > 0 ? lastInChain(child) : pid;
}

export async function isAlive(known: ProcessIdentity): Promise<boolean> {
  return (await identify(known.pid))?.startTicks === known.startTicks;
}

async function gone(target: ProcessIdentity, deadlineMs: number): Promise<boolean> {
  const end = Date.now() + deadlineMs;
  while (await isAlive(target)) {
    if (Date.now() > end) return false;
    await setTimeout(50);
  }
  return true;
}

/** Asks the process to end, and kills it at the deadline. */
export async function terminate(target: ProcessIdentity, deadlineMs = 5000): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!(await isAlive(target))) return;
    try {
      process.kill(target.pid, signal);
    } catch {
      return; // It ended between the check and the signal.
    }
    if (await gone(target, deadlineMs)) return;
  }
}

/** Kills what is left of the process group that a detached child led. */
export function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // Nothing is left.
  }
}

import { readFile } from 'node:fs/promises';

import { EXIT, KiosError } from '@kios/errors';

import type { CommandContext } from '../workstation/command-context.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { MILESTONES, type Phase, phaseRows } from './phases.ts';
import { type ConsoleEvent, parseConsoleLine } from './qemu/console-line.ts';

/** What a serial log says about the last boot in it. */
export interface LoggedBoot {
  /** Times are seconds since the kernel's start: a log says nothing of what firmware did before. */
  readonly phases: readonly Phase[];
  /** Warnings and errors, each with its code if it has one. */
  readonly faults: readonly { readonly at: number; readonly ev: string; readonly code?: string }[];
}

const isStart = ({ agent, ev }: ConsoleEvent): boolean => agent === 'init' && ev === 'init.start';

/** Returns the events of the last boot in a log. */
function lastBoot(log: string): ConsoleEvent[] {
  const events = log.split('\n').flatMap((line) => parseConsoleLine(line.trimEnd()) ?? []);
  const start = events.findLastIndex(isStart);
  return start < 0 ? [] : events.slice(start);
}

function codeOf({ fields }: ConsoleEvent): string | undefined {
  const code = /"code":"(?<code>KIOS_[A-Z_]+)"/.exec(JSON.stringify(fields))?.groups?.['code'];
  return code;
}

/** Reads a log; undefined when no boot is in it. */
export function readBoot(log: string): LoggedBoot | undefined {
  const events = lastBoot(log);
  if (events.length === 0) return undefined;
  const phases = Object.values(MILESTONES).map(({ name, reachedBy }): Phase => {
    const event = events.find((each) => reachedBy({ ...each, seenAt: 0 }));
    return { name, at: event === undefined || Number.isNaN(event.up) ? undefined : event.up };
  });
  const faults = events
    .filter(({ lvl }) => lvl === 'warn' || lvl === 'error')
    .map((event) => {
      const code = codeOf(event);
      return { at: event.up, ev: event.ev, ...(code === undefined ? {} : { code }) };
    });
  return { phases, faults };
}

/** `kios status --log FILE`. */
export async function showLoggedBoot(
  { print }: CommandContext,
  file: string,
  json: boolean,
): Promise<void> {
  const log = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new KiosError('KIOS_LOG', `read ${file}`, {
      cause,
      exitCode: EXIT.data,
      remedy: 'Name a file that you may read, with what came from a serial port.',
    });
  });
  const boot = readBoot(log);
  if (boot === undefined)
    throw new KiosError('KIOS_LOG', `find a boot of kiOS in ${file}`, {
      exitCode: EXIT.data,
      remedy: 'It has no line with init.start. Open the port before power-on, at 115200 baud.',
    });
  if (json) {
    print(JSON.stringify(boot));
    return;
  }
  for (const line of formatTable(phaseRows(boot.phases))) print(line);
  for (const { at, ev, code } of boot.faults)
    print(`${at.toFixed(1).padStart(7)} s  ${ev}${code === undefined ? '' : `  ${code}`}`);
}

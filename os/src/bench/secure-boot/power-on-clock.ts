import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { MACHINE_FILES } from '../../lab/qemu/arguments.ts';
import { parseConsoleLine } from '../../lab/qemu/console-line.ts';
import { qmp } from '../../lab/qemu/qmp.ts';

/** Frequency and width of ACPI's timer (ACPI specification 6.5, section 4.8.3.3). It counts from power-on. */
const HERTZ = 3_579_545;
const TURN = 2 ** 24;
/** Reads its register, where the firmware of QEMU's PC puts it. */
const READ_TIMER = 'i /w 0x608';
const LOOK_MS = 20;
/** An emulated guest that works is slower than the workstation, so no turn (4.7 s) is missed in this time. */
const MOST_BETWEEN_LOOKS_MS = 4500;

/** Parses what QEMU's monitor says of the timer; undefined before firmware has given it its place. */
export function parseTimer(reply: unknown): number | undefined {
  const [, digits] = /= 0x([0-9a-f]{8})\s*$/.exec(String(reply)) ?? [];
  if (digits === undefined) throw new Error(`QEMU does not read a port: ${String(reply)}`);
  const ticks = Number.parseInt(digits, 16);
  return ticks < TURN ? ticks : undefined;
}

/** Returns the ticks since power-on, of the timer's value and what it was before. */
export const ticksAfter = (before: number, timer: number): number =>
  before + ((timer - (before % TURN) + TURN) % TURN);

/** Returns the time since the kernel's start in the last whole line of a console that has one. */
export function lastUp(text: string): number | undefined {
  for (const line of text.split('\n').slice(0, -1).toReversed()) {
    const up = parseConsoleLine(line)?.up;
    if (up !== undefined && Number.isFinite(up)) return up;
  }
  return undefined;
}

/** What is read of a running machine. */
export interface Reader {
  /** All that its console has so far. */
  readonly console: () => Promise<string>;
  /** The monitor's reply about the timer. */
  readonly timer: () => Promise<unknown>;
}

/** Returns the reader of a machine in a folder. */
export const readerOf = (dir: string): Reader => ({
  console: () => readFile(path.join(dir, MACHINE_FILES.console), 'latin1').catch(() => ''),
  timer: () => qmp(dir, MACHINE_FILES.qmp, 'human-monitor-command', { 'command-line': READ_TIMER }),
});

/**
 * Follows a machine that was just powered on until `signal` aborts. Returns the guest's seconds between power-on and
 * the start of its kernel. Each line of the console gives an estimate, which is late by the time until it is seen, so
 * the earliest one is the best.
 */
export async function kernelStart(reader: Reader, signal: AbortSignal): Promise<number> {
  let ticks = 0;
  let start = Number.POSITIVE_INFINITY;
  let looked = performance.now();
  while (!signal.aborted) {
    // In this order: the line was written before the timer is read.
    const up = lastUp(await reader.console());
    const timer = parseTimer(await reader.timer());
    const now = performance.now();
    if (now - looked > MOST_BETWEEN_LOOKS_MS)
      throw new Error('this computer is too busy to follow the guest’s clock');
    looked = now;
    if (timer !== undefined) ticks = ticksAfter(ticks, timer);
    if (up !== undefined) start = Math.min(start, ticks / HERTZ - up);
    await sleep(LOOK_MS);
  }
  if (Number.isFinite(start)) return start;
  throw new Error('no line of the console says when it was written');
}

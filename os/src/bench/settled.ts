import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Memory has settled when this many readings in a row lie within 1 MiB. The interval is by the workstation's clock,
 * because an idle guest's clock jumps ahead.
 */
const READINGS = 8;
const READING_MS = 2000;
const DEADLINE_MS = 900_000;

/** Returns the memory in use once it has settled; undefined when it does not, or when nothing can be read. */
export async function settledMemory(
  read: () => Promise<number | undefined>,
): Promise<number | undefined> {
  const readings: number[] = [];
  for (const end = Date.now() + DEADLINE_MS; Date.now() < end; await sleep(READING_MS)) {
    const reading = await read();
    if (reading === undefined) return undefined;
    readings.push(reading);
    const last = readings.slice(-READINGS);
    if (last.length === READINGS && Math.max(...last) - Math.min(...last) <= 1) return reading;
  }
  return undefined;
}

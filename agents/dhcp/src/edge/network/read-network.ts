import { execFile } from 'node:child_process';
import { text } from 'node:stream/consumers';

import type { Reading } from '@kios/network-config';

import { READ_NETWORK } from '../../core/network/read-network.ts';

const DEADLINE_MS = 30_000;
const MOST_BYTES = 16 * 1024 * 1024;

export type ReadNetwork = (file: string) => Promise<Reading>;

export const readHere: ReadNetwork = async (file) => {
  const { readNetworkConfig } = await import('@kios/network-config');
  return readNetworkConfig(file);
};

/**
 * Reads in a process of its own, with which the memory of the reader ends: that is a third of what a daemon needs, and
 * the file may never change again. What keeps such a process from its work does not keep the host from its network.
 */
export const readApart: ReadNetwork = async (file) => {
  try {
    const reading: unknown = JSON.parse(await askChild(file));
    if (isReading(reading)) return reading;
  } catch {
    // For example without memory for another process.
  }
  return readHere(file);
};

function askChild(file: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const command = [...process.execArgv, process.argv[1] ?? '', READ_NETWORK];
  const options = { timeout: DEADLINE_MS, maxBuffer: MOST_BYTES };
  const child = execFile(process.execPath, command, options, (error, stdout) => {
    if (error === null) resolve(stdout);
    else reject(error);
  });
  // One that has ended does not read.
  child.stdin?.on('error', () => undefined).end(file);
  return promise;
}

/** The other process is this program. */
const isReading = (value: unknown): value is Reading =>
  typeof value === 'object' && value !== null && 'ok' in value;

/** Does what `readApart` asks for. */
export async function answerParent(): Promise<void> {
  process.stdout.write(JSON.stringify(await readHere(await text(process.stdin))));
}

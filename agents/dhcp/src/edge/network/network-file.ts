import { existsSync } from 'node:fs';
import path from 'node:path';

import { type Logger, readIfThere } from '@kios/agent';
import type { Fault, Reading } from '@kios/network-config';
import * as v from 'valibot';

import type { LinkFlags } from '../../core/settings/flags.ts';

/** The largest number of faults that are worth a line each. */
const MAX_FAULTS = 20;

/** Init's copy of the file on the medium, which a person can correct, precedes that of the node's configuration. */
export const networkFiles = ({
  network,
  hostFile,
}: Pick<LinkFlags, 'network' | 'hostFile'>): readonly string[] => [
  path.join(path.dirname(hostFile), 'network.yaml'),
  network,
];

/** Returns whether there is a file, without a trip to the runtime's threads. */
export const hasNetworkFile = (files: readonly string[]): boolean =>
  files.some((file) => existsSync(file));

/** The files of which init has made its copy, as people know them. */
const ORIGINS = {
  boot: 'kios/network.yaml',
  nocloud: 'network-config of NoCloud',
  'config-2': 'network_data.json of the config drive',
} as const;

const Origin = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ v: v.literal(1), source: v.picklist(['boot', 'nocloud', 'config-2']) }),
);

/** Returns the name that people have for a file. Init says beside its copy what it is one of. */
async function nameOf(file: string): Promise<string> {
  const origin = v.safeParse(Origin, await readIfThere(file.replace(/yaml$/, 'json')));
  return origin.success ? ORIGINS[origin.output.source] : file;
}

/** A file with its name for people, and its text, or why it cannot be read. */
export type FoundFile = { readonly file: string } & (
  | { readonly text: string }
  | { readonly unreadable: string }
);

/** Reads the first file that exists, and names it; undefined when there is none. */
export async function readNetworkText(files: readonly string[]): Promise<FoundFile | undefined> {
  for (const file of files) {
    try {
      const text = await readIfThere(file);
      if (text !== undefined) return { file: await nameOf(file), text };
    } catch (cause) {
      return { file, unreadable: cause instanceof Error ? cause.message : String(cause) };
    }
  }
  return undefined;
}

/** Returns the faults of a file. Each has its line in the log. */
export async function faultsOf(found: FoundFile, log: Logger): Promise<readonly Fault[]> {
  if ('text' in found) {
    const reading = await parseNetwork(found.text, found.file, log);
    return reading.ok ? [] : reading.faults;
  }
  const what = `cannot be read: ${found.unreadable}`;
  const fault = { line: 1, path: '(top)', what, remedy: 'Make it a file that can be read.' };
  report([fault], found.file, log);
  return [fault];
}

/** Reads a text. Each fault of one that is no network file gets a line. */
export async function parseNetwork(text: string, file: string, log: Logger): Promise<Reading> {
  const { readNetworkConfig } = await import('@kios/network-config');
  const reading = readNetworkConfig(text);
  if (!reading.ok) report(reading.faults, file, log);
  return reading;
}

function report(faults: readonly Fault[], file: string, log: Logger): void {
  for (const { line, path: place, what, remedy } of faults.slice(0, MAX_FAULTS)) {
    const code = 'KIOS_DHCP_NETWORK_FILE';
    log.error({ ev: 'network.fault', code, file, line, path: place, why: what, remedy });
  }
}

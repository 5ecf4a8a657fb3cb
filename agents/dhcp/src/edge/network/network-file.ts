import { existsSync } from 'node:fs';
import path from 'node:path';

import { type Logger, readIfThere } from '@kios/agent';
import type { Fault, Reading } from '@kios/network-config';
import * as v from 'valibot';

import type { LinkFlags } from '../../core/settings/flags.ts';
import type { ReadNetwork } from './read-network.ts';

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

/** The folders in which a file may come or go. */
export const networkFolders = (files: readonly string[]): readonly string[] => [
  ...new Set(files.map((file) => path.dirname(file))),
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

/** Reads texts. Each fault of one that is no network file gets a line. */
export class NetworkReader {
  readonly #read: ReadNetwork;
  readonly #log: Logger;
  /** What was read last: a text is mostly judged, and then carried out. */
  #last: { readonly text: string; readonly reading: Reading } | undefined;

  constructor(read: ReadNetwork, log: Logger) {
    this.#read = read;
    this.#log = log;
  }

  /** Returns the faults of a file. Each has its line in the log. */
  async faultsOf(found: FoundFile): Promise<readonly Fault[]> {
    if ('text' in found) {
      const reading = await this.read(found.text, found.file);
      return reading.ok ? [] : reading.faults;
    }
    const what = `cannot be read: ${found.unreadable}`;
    const fault = { line: 1, path: '(top)', what, remedy: 'Make it a file that can be read.' };
    this.#report([fault], found.file);
    return [fault];
  }

  async read(text: string, file: string): Promise<Reading> {
    if (this.#last?.text === text) return this.#last.reading;
    const reading = await this.#read(text);
    this.#last = { text, reading };
    if (!reading.ok) this.#report(reading.faults, file);
    return reading;
  }

  #report(faults: readonly Fault[], file: string): void {
    const code = 'KIOS_DHCP_NETWORK_FILE';
    for (const { line, path: place, what, remedy } of faults.slice(0, MAX_FAULTS))
      this.#log.error({ ev: 'network.fault', code, file, line, path: place, why: what, remedy });
  }
}

import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';

import { EXIT, KiosError } from '@kios/errors';
import {
  type Fault,
  type Format,
  readNetworkConfig,
  type Reading,
  renderNetworkConfig,
  severalCards,
} from '@kios/network-config';

import type { CommandContext } from '../../workstation/command-context.ts';

const STDIN = '-';

async function readText(file: string): Promise<string> {
  try {
    return file === STDIN ? await text(process.stdin) : await readFile(file, 'utf8');
  } catch (cause) {
    throw new KiosError('KIOS_NETWORK_FILE', `read ${file}`, {
      cause,
      exitCode: EXIT.data,
      remedy: 'Name a file, or - for standard input.',
    });
  }
}

async function readGiven(file: string): Promise<{ name: string; reading: Reading }> {
  const reading = readNetworkConfig(await readText(file));
  return { name: file === STDIN ? '(stdin)' : file, reading };
}

/** Formats a fault as compilers do, so that editors find the line. */
export const formatFault = (name: string, { line, path, what, remedy }: Fault): string =>
  `${name}:${line}: ${path}: ${what}, ${remedy.charAt(0).toLowerCase()}${remedy.slice(1).replace(/\.$/, '')}`;

/** A file of which a node would use nothing. */
function refusal(name: string, faults: readonly Fault[]): KiosError {
  const count = faults.length === 1 ? 'it has a fault' : `it has ${faults.length} faults`;
  return new KiosError('KIOS_NETWORK_FILE', `use ${name}: ${count}`, {
    exitCode: EXIT.data,
    remedy: 'Correct what the lines above name; docs/network.md has every key.',
  });
}

const DESCRIBED: Readonly<Record<Format, string>> = {
  netplan: 'netplan',
  'cloud-init v1': 'cloud-init version 1',
  OpenStack: 'OpenStack network_data.json',
};

/** What a text is, in a few words, and its faults as lines. */
export interface NetworkText {
  readonly says: string;
  readonly faults: readonly string[];
}

/** Describes a network file of which a medium has a copy. */
export function describeNetworkText(name: string, text: string): NetworkText {
  const reading = readNetworkConfig(text);
  if (!reading.ok)
    return { says: '', faults: reading.faults.map((fault) => formatFault(name, fault)) };
  return { says: describeReading(reading), faults: [] };
}

/** Rejects a text that no node would use, after printing its faults. */
export function refuseFaults(name: string, text: string, say: (line: string) => void): void {
  const reading = readNetworkConfig(text);
  if (reading.ok) return;
  for (const fault of reading.faults) say(formatFault(name, fault));
  throw refusal(name, reading.faults);
}

const describeReading = ({ format, config }: Extract<Reading, { ok: true }>): string =>
  `${DESCRIBED[format]}, ${config.links.length === 1 ? '1 link' : `${config.links.length} links`}`;

/** Checks a network file as a node would read it, and prints all its faults. */
export async function checkNetworkFile(
  { print }: CommandContext,
  file: string,
  json: boolean,
): Promise<void> {
  const { name, reading } = await readGiven(file);
  const faults = reading.ok ? [] : reading.faults;
  const format = reading.ok ? reading.format : undefined;
  const notes = reading.ok ? severalCards(reading.config) : [];
  if (json) print(JSON.stringify({ file: name, ok: reading.ok, format, faults, notes }));
  else for (const fault of faults) print(formatFault(name, fault));
  if (!reading.ok) throw refusal(name, faults);
  if (json) return;
  for (const { path, what } of notes) print(`${name}: note: ${path}: ${what}`);
  print(`${name}: ${describeReading(reading)}, no fault`);
}

/** Prints a network file in the one form that all of its formats come down to. */
export async function renderNetworkFile(
  { print, progress }: CommandContext,
  file: string,
  json: boolean,
): Promise<void> {
  const { name, reading } = await readGiven(file);
  if (!reading.ok) {
    for (const fault of reading.faults) progress.info(formatFault(name, fault));
    throw refusal(name, reading.faults);
  }
  print(json ? JSON.stringify(reading.config) : renderNetworkConfig(reading.config).trimEnd());
}

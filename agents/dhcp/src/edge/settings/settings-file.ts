import { readIfThere, readYamlTree } from '@kios/agent';

import { readSettings, type SettingFault } from '../../core/settings/config-file.ts';
import type { ConfigFile } from '../../core/settings/settings.ts';

/** A part of a file that does not count, for people. */
export interface Fault {
  readonly file: string;
  /** Keys from the top, with dots between them. */
  readonly path: string;
  readonly why: string;
  readonly remedy: string;
}

export interface SettingsFile {
  readonly settings: ConfigFile;
  readonly faults: readonly Fault[];
}

/** The largest number of faults that are worth a line each. */
const MAX_FAULTS = 20;
const NOTHING: ConfigFile = { interfaces: {} };

async function remedyOf({ path, known }: SettingFault): Promise<string> {
  if (known === undefined) return 'Correct it; docs/dhcp.md has all settings.';
  const { nearest } = await import('@kios/network-config');
  const close = nearest(path.split('.').at(-1) ?? '', known);
  return close === undefined ? `Known keys: ${known.join(', ')}.` : `Did you mean ${close}?`;
}

const atTop = (why: string): SettingFault => ({ path: '(top)', why });

async function readFaulty(
  file: string,
): Promise<{ readonly settings: ConfigFile; readonly faults: readonly SettingFault[] }> {
  let text: string | undefined;
  try {
    text = await readIfThere(file);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    return { settings: NOTHING, faults: [atTop(`cannot be read: ${why}`)] };
  }
  const { tree, faults } = await readYamlTree(text ?? '');
  const read = readSettings(tree);
  return { settings: read.file, faults: [...faults.map(atTop), ...read.faults] };
}

/** Reads the file. Whatever its faults are, the result is what is left without them. */
export async function readSettingsFile(file: string): Promise<SettingsFile> {
  const { settings, faults } = await readFaulty(file);
  const named = faults.slice(0, MAX_FAULTS).map(async (fault) => ({
    file,
    path: fault.path,
    why: fault.why,
    remedy: await remedyOf(fault),
  }));
  return { settings, faults: await Promise.all(named) };
}

import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import type { SettingFault } from '@kios/agent';
import { errorCode } from '@kios/errors';

import {
  addCmdline,
  addModprobeFile,
  emptyConfig,
  ignoreInstall,
  type ModprobeConfig,
} from '../../core/index/modprobe-config.ts';
import type { ModuleIndex } from '../../core/index/module-index.ts';
import type { IndexFile } from '../../core/index/tables.ts';
import { packingOf, unpack } from '../kernel/unpack.ts';

/** Reads one of depmod's files; a missing file reads as empty. */
export function readIndexFile(dir: string, file: IndexFile): string {
  try {
    return readFileSync(path.join(dir, file), 'latin1');
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return '';
    throw error;
  }
}

/** Returns the bytes of a module, unpacked. Fails for one that the index does not have. */
export async function readModuleOf(
  { dir, index }: { readonly dir: string; readonly index: ModuleIndex },
  name: string,
): Promise<Uint8Array> {
  const file = path.join(dir, index.module(name)?.file ?? name);
  const packing = packingOf(file);
  return packing === undefined ? readFile(file) : unpack(file, packing);
}

const listConf = async (dir: string, name: RegExp): Promise<string[]> =>
  (await readdir(dir).catch(() => [])).filter((each) => name.test(each));

/** Names of files of modprobe.d(5) as kmod takes them, and of modules-load.d(5). Hidden files do not count. */
const MODPROBE = /^[^.].*\.(?:conf|alias)$/;
const LOAD = /^[^.].*\.conf$/;

/** Reads a file of settings. One that cannot be read, such as a link to nothing, is a fault and has no content. */
async function readSettings(file: string, faults: SettingFault[]): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const why = `cannot be read: ${errorCode(error) ?? String(error)}`;
    faults.push({ file, path: '(top)', why, remedy: 'Correct or remove it.' });
    return '';
  }
}

/** Lists the files of modprobe.d(5) folders, sorted by name. Of equal names the first folder's file counts. */
async function configFiles(dirs: readonly string[], names: RegExp): Promise<string[]> {
  const files = new Map<string, string>();
  for (const dir of dirs) {
    for (const name of await listConf(dir, names)) {
      if (!files.has(name)) files.set(name, path.join(dir, name));
    }
  }
  return [...files].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, file]) => file);
}

/** Reads the settings in modprobe.d files and on the kernel's command line. Adds what cannot be read to `faults`. */
export async function readModprobeConfig(
  dirs: readonly string[],
  faults: SettingFault[],
  isInstallIgnored = false,
  cmdline = '/proc/cmdline',
): Promise<ModprobeConfig> {
  const config = emptyConfig();
  for (const file of await configFiles(dirs, MODPROBE))
    addModprobeFile(config, await readSettings(file, faults));
  if (isInstallIgnored) ignoreInstall(config);
  addCmdline(config, await readFile(cmdline, 'latin1').catch(() => ''));
  return config;
}

/** Reads the module names in modules-load.d(5) files. Adds what cannot be read to `faults`. */
export async function readLoadFiles(dir: string, faults: SettingFault[]): Promise<string[]> {
  const files = await configFiles([dir], LOAD);
  const texts = await Promise.all(files.map(async (file) => readSettings(file, faults)));
  const lines = texts.flatMap((text) => text.split('\n')).map((line) => line.trim());
  return lines.filter((line) => line !== '' && !/^[#;]/.test(line));
}

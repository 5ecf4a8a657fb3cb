import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';

import { type AgentContext, type Argv, command } from '@kios/agent';
import { errorCode, EXIT, KiosError } from '@kios/errors';

import { firmwareOf } from '../core/devices/modinfo.ts';
import type { ModuleFile } from '../core/index/index-files.ts';
import { readModuleOf } from '../edge/loading/module-files.ts';
import {
  openSession,
  type Session,
  type SessionArgs,
  settingFaults,
} from '../edge/loading/session.ts';
import { sessionFlags } from './flags.ts';

interface ResolveArgs extends SessionArgs {
  readonly aliases: readonly string[];
  readonly from: string;
  readonly closure: boolean;
}

/** Returns the aliases of the command line and of the file, one a line. */
async function readAliases({ aliases, from }: ResolveArgs): Promise<readonly string[]> {
  if (from === '') return aliases;
  try {
    const lines = (await readFile(from, 'utf8')).split('\n').map((line) => line.trim());
    return [...aliases, ...lines.filter((line) => line !== '' && !line.startsWith('#'))];
  } catch (cause) {
    throw new KiosError('KIOS_MODULE_LIST', `read ${from}`, { cause, exitCode: EXIT.data });
  }
}

interface Resolved {
  readonly alias: string;
  readonly modules: readonly string[];
  readonly files: readonly ModuleFile[];
}

function resolveAlias({ index }: Session, alias: string): Resolved {
  const modules = index.lookup(alias)?.names ?? [];
  return { alias, modules, files: modules.flatMap((name) => index.probeList(name)) };
}

/** Returns the bytes of a module's file. */
async function sizeOf({ dir }: Session, { file }: ModuleFile): Promise<number> {
  try {
    return (await stat(path.join(dir, file))).size;
  } catch (cause) {
    throw new KiosError('KIOS_MODULE_LIST', `read ${file}`, { cause, exitCode: EXIT.data });
  }
}

/** Returns the firmware that a module names; undefined when its file cannot be unpacked here. */
async function firmwareIn(session: Session, { name }: ModuleFile): Promise<string[] | undefined> {
  try {
    return firmwareOf(await readModuleOf(session, name));
  } catch (error) {
    if (errorCode(error) === 'KIOS_MODULE_PACKING') return undefined;
    throw error;
  }
}

/** Returns all that the aliases need together: modules in the order in which they can be loaded. */
async function closureOf(session: Session, resolved: readonly Resolved[]) {
  const files = new Map(resolved.flatMap(({ files: of }) => of.map((file) => [file.name, file])));
  const wanted = resolved.flatMap(({ modules }) => modules);
  const firmware = new Set<string>();
  const unread: string[] = [];
  let bytes = 0;
  for (const file of files.values()) {
    bytes += await sizeOf(session, file);
    const named = await firmwareIn(session, file);
    if (named === undefined) unread.push(file.file);
    for (const each of named ?? []) firmware.add(each);
  }
  return {
    modules: [...files.keys()],
    files: [...files.values()].map(({ file }) => file),
    bytes,
    builtin: [...new Set(wanted.filter((name) => !files.has(name)))],
    firmware: [...firmware].toSorted(),
    ...(unread.length > 0 && { unread }),
    unresolved: resolved.flatMap(({ alias, modules }) => (modules.length === 0 ? [alias] : [])),
  };
}

/** Logs the modules that each alias names and the files that loading them would load; or all of them together. */
async function logModules(args: ResolveArgs, { log }: AgentContext): Promise<void> {
  const session = await openSession(args, settingFaults(log), log);
  const resolved = (await readAliases(args)).map((alias) => resolveAlias(session, alias));
  if (args.closure) {
    log.info({ ev: 'closure', ...(await closureOf(session, resolved)) });
    return;
  }
  for (const { alias, modules, files } of resolved) {
    const load = [...new Set(files.map(({ file }) => file))];
    log.info({ ev: 'resolve', alias, modules, load });
  }
}

export const resolve = command({
  command: 'resolve [aliases..]',
  describe: 'Print the modules that aliases name and what loading them would load',
  isReadOnly: true,
  builder: (args: Argv) =>
    sessionFlags(args)
      .positional('aliases', {
        type: 'string',
        array: true,
        default: [],
        describe: 'Aliases of devices, or module names',
      })
      .option('from', {
        type: 'string',
        default: '',
        describe: 'File with more of them, one a line',
      })
      .option('closure', {
        type: 'boolean',
        default: false,
        describe: 'Print one list of all that they need, with its bytes and firmware',
      })
      .example('$0 resolve nvme', 'Show the file of nvme and those that it needs')
      .example('$0 resolve --from=hardware.txt --closure', 'List what an image for it needs'),
  run: logModules,
});

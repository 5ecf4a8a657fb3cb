import { type AgentContext, type Argv, command } from '@kios/agent';
import { ModulesStatus, readStateIfThere } from '@kios/node-state';

import { explainModules } from '../core/devices/diagnose.ts';
import { requireSysfs } from '../edge/devices/sysfs.ts';
import { openSession, type SessionArgs, settingFaults } from '../edge/loading/session.ts';
import { sessionFlags, STATUS_FILE_FLAG } from './flags.ts';
import { unknownModule } from './unknown-module.ts';

interface WhyArgs extends SessionArgs {
  readonly names: readonly string[];
  readonly file: string;
}

/** What `run` did with a module, as its status file says. */
function outcomeOf(status: ModulesStatus | undefined, name: string) {
  const loaded = status?.loaded.find((entry) => entry.name === name);
  if (loaded !== undefined) return { by: loaded.by, alias: loaded.alias, ms: loaded.ms };
  const failed = status?.failed.find((entry) => entry.name === name);
  return failed === undefined ? {} : { errno: failed.errno, why: failed.why };
}

/** Logs, for each module that a name or alias means, the devices, the file and the rules that decide over it. */
async function logReasons(args: WhyArgs, { log }: AgentContext): Promise<void> {
  requireSysfs();
  const session = await openSession(args, settingFaults(log), log);
  const names = args.names.flatMap((name) => {
    const lookup = session.index.lookup(name);
    if (lookup === undefined) throw unknownModule(name, session.index.names);
    return lookup.names;
  });
  const status = await readStateIfThere(ModulesStatus, args.file);
  for (const reasons of await explainModules(session, [...new Set(names)]))
    log.info({ ev: 'why', ...reasons, ...outcomeOf(status, reasons.name) });
}

export const why = command({
  command: 'why <names..>',
  describe: 'Print for which devices, from which file and by which rule modules are loaded, or not',
  isReadOnly: true,
  builder: (args: Argv) =>
    sessionFlags(args)
      .positional('names', {
        type: 'string',
        array: true,
        default: [],
        describe: 'Names or aliases of modules',
      })
      .option('file', STATUS_FILE_FLAG)
      .example('$0 why nvme', 'Show which device wants nvme, and who loaded it'),
  run: logReasons,
});

import { type AgentContext, type Argv, command } from '@kios/agent';

import { findDriverless } from '../core/devices/diagnose.ts';
import { emptyConfig } from '../core/index/modprobe-config.ts';
import { ModuleIndex } from '../core/index/module-index.ts';
import { requireSysfs } from '../edge/devices/sysfs.ts';
import { readIndexFile } from '../edge/loading/module-files.ts';
import { openSession, type SessionArgs, settingFaults } from '../edge/loading/session.ts';
import { sessionFlags } from './flags.ts';

interface MissingArgs extends SessionArgs {
  readonly against: string;
}

/** Logs each device without a driver, and what would drive it. */
async function logDriverless(args: MissingArgs, { log }: AgentContext): Promise<void> {
  requireSysfs();
  const session = await openSession(args, settingFaults(log), log);
  const { against } = args;
  const read = (file: Parameters<typeof readIndexFile>[1]): string => readIndexFile(against, file);
  const all = against === '' ? undefined : new ModuleIndex(read, emptyConfig());
  let devices = 0;
  for await (const found of findDriverless(session, all)) {
    devices++;
    log.info({ ev: 'missing', ...found });
  }
  log.info({ ev: 'missing.done', devices });
}

export const missing = command({
  command: 'missing',
  describe: 'Print the devices without a driver, and the modules that claim them',
  isReadOnly: true,
  builder: (args: Argv) =>
    sessionFlags(args)
      .option('against', {
        type: 'string',
        default: '',
        describe: 'Folder of a complete set of modules of this kernel, such as modules.erofs has',
      })
      .example('$0 missing', 'Show which devices have no driver')
      .example('$0 missing --against=/mnt', 'Name the modules of modules.erofs at /mnt too'),
  run: logDriverless,
});

import { type Argv, command } from '@kios/agent';
import { ModulesStatus, readState } from '@kios/node-state';

import { minimalPolicy } from '../core/policy/minimal.ts';
import { STATUS_FILE_FLAG } from './flags.ts';

export const status = command({
  command: 'status',
  describe: 'Print the last status that `run` wrote',
  isReadOnly: true,
  builder: (args: Argv) =>
    args
      .option('file', STATUS_FILE_FLAG)
      .option('minimal', {
        type: 'boolean',
        default: false,
        describe: 'Print the list `allow` for modules.yaml that this boot would have needed',
      })
      .example('$0 status', 'Show what is loaded, failed and denied')
      .example('$0 status --minimal', 'Make a list to paste into modules.yaml'),
  async run({ file, minimal }, { log }) {
    const last = await readState(ModulesStatus, file);
    if (minimal) process.stdout.write(minimalPolicy(last));
    else log.info({ ev: 'status', ...last });
  },
});

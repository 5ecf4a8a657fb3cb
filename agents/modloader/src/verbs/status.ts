import { type Argv, command } from '@kios/agent';
import { ModulesStatus, readState, STATE } from '@kios/node-state';

export const status = command({
  command: 'status',
  describe: 'Print the last status that `run` wrote',
  builder: (args: Argv) =>
    args.option('file', {
      type: 'string',
      default: STATE.modules,
      describe: 'Status file of `run`',
    }),
  async run({ file }, { log }) {
    log.info({ ev: 'status', ...(await readState(ModulesStatus, file)) });
  },
});

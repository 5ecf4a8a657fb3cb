import { type Argv, command, startProgram } from '@kios/agent';
import { STATE } from '@kios/node-state';

import { acquire } from './acquire.ts';
import { checkFlags, type Flags } from './config.ts';
import { describePlan } from './describe-plan.ts';
import { supervise } from './supervise.ts';

const VERSION = '0.1.0';

// The type of the arguments is what yargs infers from this list.
const options = (args: Argv) =>
  args
    .option('interface', { type: 'string', array: true, default: ['auto'] })
    .option('client-id', { type: 'string', default: 'mac', describe: 'mac, none or hex:…' })
    .option('hostname', { choices: ['send', 'request'] as const, default: 'send' })
    .option('hostname-file', { type: 'string', default: '/host/etc/hostname' })
    .option('rapid-commit', { type: 'boolean', default: true })
    .option('routes', { type: 'boolean', default: true })
    .option('mtu', { type: 'boolean', default: true })
    .option('on-expire', { choices: ['keep', 'drop'] as const, default: 'keep' })
    .option('run-dir', { type: 'string', default: STATE.netDir })
    .option('state-dir', { type: 'string', default: '/var/lib/kios/dhcp' });

startProgram({
  name: 'dhcp',
  version: VERSION,
  commands: [
    command({
      command: 'acquire',
      describe: 'get an address and end',
      builder: (args) =>
        options(args).option('timeout', {
          type: 'number',
          default: 0,
          describe: 'seconds; 0 waits',
        }),
      run: async (args, context) => {
        if (await begin('acquire', args, context)) await acquire(args, context);
      },
    }),
    command({
      command: 'run',
      describe: 'keep the lease',
      builder: options,
      run: async (args, context) => {
        if (!(await begin('run', args, context))) return;
        const mode = { oneShot: false, onBound: () => undefined };
        await supervise(args, mode, context.log, context.signal);
      },
    }),
  ],
});

/** Answers whether there is more to do than to check the command line, or to say what would be done. */
async function begin(
  verb: string,
  flags: Flags & { readonly check: boolean; readonly dryRun: boolean },
  { log }: { readonly log: Parameters<typeof supervise>[2] },
): Promise<boolean> {
  checkFlags(flags);
  if (flags.check) return false;
  if (flags.dryRun) {
    process.stdout.write(`${JSON.stringify(await describePlan(flags))}\n`);
    return false;
  }
  log.info({ ev: 'start', console: true, verb, version: VERSION, interface: flags.interface });
  return true;
}

import { type AgentContext, command, startProgram } from '@kios/agent';

import { acquire } from './acquire.ts';
import { readConfig } from './config.ts';
import { DEVIATIONS } from './core/deviations.ts';
import { describePlan } from './describe-plan.ts';
import { type Flags, folderFlags, linkFlags } from './flags.ts';
import { release } from './release.ts';
import { formatStatus, formatTrace } from './status.ts';
import { supervise } from './supervise.ts';

const VERSION = '0.1.0';

const commands = [
  command({
    command: 'acquire',
    describe: 'get an address and end',
    builder: (args) =>
      linkFlags(args)
        .option('timeout', { type: 'number', default: 0, describe: 'seconds; 0 waits' })
        .option('carrier-timeout', { type: 'number', default: 0, describe: 'seconds; 0 waits' }),
    run: async (args, context) => {
      if (await begin('acquire', args, context)) await acquire(args, context);
    },
  }),
  command({
    command: 'run',
    describe: 'keep the lease',
    builder: linkFlags,
    run: async (args, context) => {
      if (!(await begin('run', args, context))) return;
      const mode = { oneShot: false, onCarrier: () => undefined, onBound: () => undefined };
      await supervise(args, mode, context.log, context.signal);
    },
  }),
  command({
    command: 'release',
    describe: 'give the addresses back, for good',
    builder: linkFlags,
    run: async (args, context) => {
      if (await begin('release', args, context)) await release(args, context.log);
    },
  }),
  command({
    command: 'status',
    describe: 'print the leases as JSON',
    builder: (args) =>
      folderFlags(args).option('trace', {
        type: 'boolean',
        default: false,
        describe: 'the last DHCP frames instead, as a pcap file',
      }),
    run: async ({ trace, runDir }) => {
      process.stdout.write(trace ? formatTrace(runDir) : await formatStatus(runDir));
    },
  }),
];

/** Answers whether there is more to do than to check the configuration, or to say what would be done. */
async function begin(
  verb: string,
  flags: Flags & { readonly check: boolean; readonly dryRun: boolean },
  { log }: AgentContext,
): Promise<boolean> {
  if (flags.dryRun) process.stdout.write(`${JSON.stringify(await describePlan(flags))}\n`);
  if (flags.check) await readConfig(flags);
  if (flags.dryRun || flags.check) return false;
  log.info({ ev: 'start', console: true, verb, version: VERSION, interface: flags.interface });
  return true;
}

if (process.argv.includes('--deviations')) {
  process.stdout.write(`${JSON.stringify({ deviations: DEVIATIONS })}\n`);
} else {
  startProgram({ name: 'dhcp', version: VERSION, commands });
}

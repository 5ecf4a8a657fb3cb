import { type AgentContext, AT_REST_MS, command, startProgram, VERSION } from '@kios/agent';
import { shedText } from '@kios/syscall';

import { DEVIATIONS } from './core/settings/deviations.ts';
import {
  type AcquireFlags,
  acquireFlags,
  type Flags,
  folderFlags,
  linkFlags,
  readPlainAcquireFlags,
  readPlainFlags,
} from './core/settings/flags.ts';
import { readConfig } from './edge/settings/config.ts';
import { acquire } from './verbs/acquire.ts';
import { describePlan } from './verbs/describe-plan.ts';
import { release } from './verbs/release.ts';
import { formatStatus, formatTrace } from './verbs/status.ts';
import { supervise } from './verbs/supervise.ts';

interface Common {
  readonly check: boolean;
  readonly dryRun: boolean;
}
const NEITHER: Common = { check: false, dryRun: false };

async function runAcquire(flags: AcquireFlags & Common, context: AgentContext): Promise<void> {
  if (await begin('acquire', flags, context)) await acquire(flags, context);
}

async function runDaemon(flags: Flags & Common, context: AgentContext): Promise<void> {
  if (!(await begin('run', flags, context))) return;
  setTimeout(shedText, AT_REST_MS).unref();
  const mode = { oneShot: false, onCarrier: () => undefined, onBound: () => undefined };
  await supervise(flags, mode, context.log, context.signal);
}

const commands = [
  command({
    command: 'acquire',
    describe: 'get an address and end',
    builder: acquireFlags,
    run: runAcquire,
  }),
  command({ command: 'run', describe: 'keep the lease', builder: linkFlags, run: runDaemon }),
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

/** What a plain command line asks for. */
function quick([verb, ...rest]: readonly string[]):
  | ((context: AgentContext) => Promise<void>)
  | undefined {
  const [acquiring, running] = [
    verb === 'acquire' ? readPlainAcquireFlags(rest) : undefined,
    verb === 'run' ? readPlainFlags(rest) : undefined,
  ];
  if (acquiring) return (context) => runAcquire({ ...acquiring, ...NEITHER }, context);
  return running && ((context) => runDaemon({ ...running, ...NEITHER }, context));
}

/** Answers whether there is more to do than to check the configuration, or to say what would be done. */
async function begin(verb: string, flags: Flags & Common, { log }: AgentContext): Promise<boolean> {
  if (flags.dryRun) process.stdout.write(`${JSON.stringify(await describePlan(flags))}\n`);
  if (flags.check) await readConfig(flags);
  if (flags.dryRun || flags.check) return false;
  log.info({ ev: 'start', console: true, verb, version: VERSION, interface: flags.interface });
  return true;
}

if (process.argv.includes('--deviations')) {
  process.stdout.write(`${JSON.stringify({ deviations: DEVIATIONS })}\n`);
} else {
  startProgram({ name: 'dhcp', commands, quick });
}

import { type AgentContext, type Argv, command, type Logger } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';

import { checkName } from '../core/index/module-name.ts';
import { HotWait } from '../edge/devices/hot-wait.ts';
import type { Outcome } from '../edge/loading/fate.ts';
import { begin, type SessionArgs, type Work } from '../edge/loading/session.ts';
import { JOBS_FLAG, PROFILE_FLAG, sessionFlags, WAIT_FLAGS, type WaitArgs } from './flags.ts';
import { unknownModule } from './unknown-module.ts';

const BAD: ReadonlySet<Outcome> = new Set<Outcome>(['failed', 'refused', 'denied', 'stuck']);

interface Result {
  readonly name: string;
  readonly outcomes: readonly Outcome[];
}

/** Returns why a module was not loaded, as the report has it. */
function causeOf({ session, report }: Work, wanted: string): string {
  const names = session.index.lookup(wanted)?.names ?? [wanted];
  const { failed, denied } = report.lists;
  const failure = failed.find(({ name }) => names.includes(name));
  if (failure !== undefined) return `${failure.why} (${failure.errno})`;
  const rule = denied.find(({ name }) => names.includes(name))?.rule;
  return rule === undefined ? 'see the lines above' : `denied by ${rule}`;
}

/** Fails when nothing of what `name` means was loaded. */
function requireSuccess({ name, outcomes }: Result, work: Work): void {
  if (outcomes.length === 0) throw unknownModule(name, work.session.index.names);
  if (outcomes.includes('refused')) {
    throw new KiosError('KIOS_MODULE_PARAMETERS', `load ${name}: ${causeOf(work, name)}`, {
      exitCode: EXIT.data,
      remedy: 'Correct its parameters.',
    });
  }
  if (outcomes.some((outcome) => !BAD.has(outcome))) return;
  throw new KiosError('KIOS_MODULE_LOAD', `load ${name}: ${causeOf(work, name)}`, {
    exitCode: EXIT.system,
    remedy: 'The mod.fail and mod.denied lines have all causes.',
  });
}

interface LoadArgs extends SessionArgs, WaitArgs {
  readonly names: readonly string[];
  readonly optional: boolean;
}

function judge(results: readonly Result[], work: Work, isOptional: boolean, log: Logger): void {
  for (const result of results) {
    if (!isOptional) requireSuccess(result, work);
    else if (result.outcomes.length === 0) log.warn({ ev: 'mod.unknown', name: result.name });
  }
}

/** Tries all names, then all profiles; the first name that failed decides the exit code. */
async function loadNames(args: LoadArgs, context: AgentContext): Promise<void> {
  const { log, signal } = context;
  args.names.forEach(checkName);
  using wait = new HotWait(args.check || args.dryRun ? { ...args, waitFor: [] } : args, signal);
  const work = await begin(args, context, args.optional ? [] : args.names);
  if (work === undefined) return;
  const results: Result[] = [];
  for (const name of args.names) {
    results.push({ name, outcomes: await work.loader.load(name, 'config') });
  }
  for (const name of work.session.profileNames) await work.loader.load(name, 'profile');
  if (args.dryRun) log.info({ ev: 'plan', ...work.status(false) });
  judge(results, work, args.optional, log);
  await wait.end(async () => undefined);
}

export const load = command({
  command: 'load [names..]',
  describe: 'Load modules by name or alias',
  builder: (args: Argv) =>
    sessionFlags(args)
      .positional('names', {
        type: 'string',
        array: true,
        default: [],
        describe: 'Names or aliases of modules',
      })
      .option('profile', PROFILE_FLAG)
      .option('jobs', JOBS_FLAG)
      .option('optional', {
        type: 'boolean',
        default: false,
        describe: 'Succeed even when a module is unknown or cannot be loaded',
      })
      .options(WAIT_FLAGS)
      .example('$0 load nvme_tcp --wait-for=path:/sys/class/nvme-fabrics', 'Load it, and wait')
      .example('$0 load --profile=storage', 'Load what volume plugins look for'),
  run: loadNames,
});

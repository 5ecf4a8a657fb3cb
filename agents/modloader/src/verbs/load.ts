import { type AgentContext, type Argv, command } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';

import { checkName } from '../core/index/module-name.ts';
import type { Outcome } from '../edge/loading/fate.ts';
import { begin, type SessionArgs } from '../edge/loading/session.ts';
import { JOBS_FLAG, PROFILE_FLAG, sessionFlags } from './flags.ts';

const BAD: ReadonlySet<Outcome> = new Set<Outcome>(['failed', 'refused', 'denied', 'stuck']);

/** Fails when nothing of what `name` means was loaded. */
function requireSuccess(name: string, outcomes: readonly Outcome[]): void {
  if (outcomes.length === 0) {
    throw new KiosError('KIOS_MODULE_UNKNOWN', `load ${name}: this image has no such module`, {
      exitCode: EXIT.data,
    });
  }
  if (outcomes.includes('refused')) {
    throw new KiosError('KIOS_MODULE_PARAMETERS', `load ${name}: its parameters cannot be passed`, {
      exitCode: EXIT.data,
      remedy: 'See the mod.fail line above.',
    });
  }
  if (outcomes.every((outcome) => BAD.has(outcome))) {
    throw new KiosError('KIOS_MODULE_LOAD', `load ${name}`, {
      exitCode: EXIT.system,
      remedy: 'See the mod.fail or mod.denied line above.',
    });
  }
}

interface LoadArgs extends SessionArgs {
  readonly names: readonly string[];
  readonly optional: boolean;
}

/** Tries all names, then all profiles; the first name that failed decides the exit code. */
async function loadNames(args: LoadArgs, context: AgentContext): Promise<void> {
  const { log } = context;
  args.names.forEach(checkName);
  const work = await begin(args, context);
  if (work === undefined) return;
  const results: { name: string; outcomes: readonly Outcome[] }[] = [];
  for (const name of args.names) {
    results.push({ name, outcomes: await work.loader.load(name, 'config') });
  }
  for (const name of work.session.profileNames) await work.loader.load(name, 'profile');
  if (args.dryRun) log.info({ ev: 'plan', ...work.status(false) });
  if (args.optional) return;
  for (const { name, outcomes } of results) requireSuccess(name, outcomes);
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
      }),
  run: loadNames,
});

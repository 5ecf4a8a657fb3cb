import type { AgentContext } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';
import { ModulesStatus, readState } from '@kios/node-state';

import { checkName } from '../core/index/module-name.ts';
import { requireCapability } from '../edge/kernel/capability.ts';
import { coldplug } from '../edge/loading/coldplug.ts';
import type { Outcome } from '../edge/loading/loader.ts';
import { openSession, type SessionArgs, startWork } from '../edge/loading/session.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {}, close: async () => {} };
const BAD: ReadonlySet<Outcome> = new Set<Outcome>(['failed', 'denied']);

function judge(name: string, outcomes: readonly Outcome[], isOptional: boolean): void {
  if (isOptional) return;
  if (outcomes.length === 0) {
    throw new KiosError('KIOS_MODULE_UNKNOWN', `load ${name}: this image has no such module`, {
      exitCode: EXIT.data,
    });
  }
  if (outcomes.every((outcome) => BAD.has(outcome))) {
    throw new KiosError('KIOS_MODULE_LOAD', `load ${name}`, {
      exitCode: EXIT.system,
      remedy: 'See the mod.fail or mod.denied line above.',
    });
  }
}

export interface LoadArgs extends SessionArgs {
  readonly names: readonly string[];
  readonly optional: boolean;
}

/** `load NAME…`: all of them are tried; the first that failed decides how it ends. */
export async function loadOnce(args: LoadArgs, { log }: AgentContext): Promise<void> {
  args.names.forEach(checkName);
  const session = await openSession(args);
  if (args.check) return;
  if (!args.dryRun) requireCapability();
  const work = startWork(session, args.dryRun ? SILENT : log);
  const results: { name: string; outcomes: readonly Outcome[] }[] = [];
  for (const name of args.names) {
    results.push({ name, outcomes: await work.loader.load(name, 'config') });
  }
  for (const name of session.profileNames) await work.loader.load(name, 'profile');
  if (args.dryRun) log.info({ ev: 'plan', ...work.status(false) });
  for (const { name, outcomes } of results) judge(name, outcomes, args.optional);
}

/** `coldplug`: the drivers of the devices there are. A device without a driver is no error. */
export async function coldplugOnce(
  args: SessionArgs,
  { log, signal }: AgentContext,
): Promise<void> {
  const session = await openSession(args);
  if (args.check) return;
  if (!args.dryRun) requireCapability();
  const work = startWork(session, args.dryRun ? SILENT : log);
  await coldplug(work.loader, () => session.kernel.allAliases(), signal);
  log.info({ ev: args.dryRun ? 'plan' : 'coldplug.done', ...work.status(false) });
}

/** `resolve ALIAS…`: which modules an alias means and what loading them would load. */
export async function resolve(
  args: SessionArgs & { readonly aliases: readonly string[] },
  { log }: AgentContext,
): Promise<void> {
  const { index } = await openSession(args);
  for (const alias of args.aliases) {
    const lookup = index.lookup(alias);
    const files = (lookup?.names ?? []).flatMap((name) => index.probeList(name));
    log.info({
      ev: 'resolve',
      alias,
      modules: lookup?.names ?? [],
      load: [...new Set(files.map(({ file }) => file))],
    });
  }
}

/** `status`: what the daemon last wrote. */
export async function status(file: string, { log }: AgentContext): Promise<void> {
  log.info({ ev: 'status', ...(await readState(ModulesStatus, file)) });
}

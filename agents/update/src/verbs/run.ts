import { writeFileSync } from 'node:fs';

import { type AgentContext, backoff, command, sleep } from '@kios/agent';
import { KiosError } from '@kios/errors';

import { FLAGS, type Settings, toSettings } from '../core/settings/settings.ts';
import { openKeeper } from './context.ts';

/** The API server has a minute to come back before the pause is as long as it gets. */
const PAUSES = { firstMs: 1000, maxMs: 60_000, jitter: 0.2 };

/** Returns a pause that differs between the agents of a fleet by a tenth. */
const spread = (ms: number): number => ms * (0.9 + Math.random() / 5);

/** Keeps the node at its system until it is told to stop. No fault ends it, because its cause is elsewhere. */
async function keep(settings: Settings, context: AgentContext): Promise<void> {
  const { log, signal } = context;
  const keeper = await openKeeper(settings, context);
  const pauses = backoff(PAUSES);
  let last = '';
  log.info({ ev: 'start', node: settings.node });
  for (;;) {
    let waitMs = settings.idleMs;
    try {
      const act = await keeper.next();
      // What was staged is told and asked for at once.
      if (act === 'stage') waitMs = 0;
      pauses.reset();
      if (last !== '' && act !== 'pause') {
        log.info({ ev: 'recovered' });
        last = '';
      }
    } catch (err) {
      if (signal.aborted || !(err instanceof KiosError)) throw err;
      waitMs = pauses.next();
      if (err.message !== last) log.warn({ ev: 'update.failed', err });
      last = err.message;
    }
    await sleep(spread(waitMs), signal);
  }
}

export const run = command({
  command: 'run',
  describe: 'Keep this node at the system that is mounted: stage it, ask for the reboot, tell',
  builder: (args) => args.options(FLAGS),
  async run(args, context) {
    const settings = toSettings(args);
    if (!args.check && !args.dryRun) return keep(settings, context);
    const keeper = await openKeeper(settings, context);
    const decision = await keeper.decide();
    if (args.dryRun) writeFileSync(1, `${JSON.stringify(decision, undefined, 2)}\n`);
  },
});

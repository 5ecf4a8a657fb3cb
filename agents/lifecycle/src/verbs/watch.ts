import { writeFileSync } from 'node:fs';

import { type AgentContext, backoff, command, sleep } from '@kios/agent';
import { KiosError } from '@kios/errors';

import { FLAGS, type Settings, toSettings } from '../core/settings/settings.ts';
import { Cluster } from '../edge/cluster/cluster.ts';
import { askHost, readBootId } from '../edge/host/host.ts';
import { TurnKeeper } from './turn-keeper.ts';

/** The API server has a minute to come back before the pause is as long as it gets. */
const PAUSES = { firstMs: 1000, maxMs: 60_000, jitter: 0.2 };

/**
 * While a node waits for others its pause grows up to so many times that between steps. By default that is half of the
 * minute in which `./kios reboot` expects an agent to answer.
 */
const WAIT_GROWTH = 10;

/** Returns a pause that differs between the agents of a fleet by a tenth. */
const spread = (ms: number): number => ms * (0.9 + Math.random() / 5);

async function openKeeper(settings: Settings, { log, signal }: AgentContext): Promise<TurnKeeper> {
  const { bootId, socket, defaults } = settings;
  return new TurnKeeper({
    cluster: new Cluster(settings, signal),
    bootId: await readBootId(bootId),
    ask: (action) => askHost(socket, action, signal),
    now: () => Date.now(),
    entropy: () => Math.random(),
    log,
    defaults,
  });
}

/** Keeps the node's turn until it is told to stop. No fault ends it, because its cause is elsewhere. */
async function keep(settings: Settings, context: AgentContext): Promise<void> {
  const { log, signal } = context;
  const keeper = await openKeeper(settings, context);
  const pauses = backoff(PAUSES);
  const { busyMs, idleMs } = settings;
  const waits = backoff({ firstMs: busyMs, maxMs: busyMs * WAIT_GROWTH });
  let last = '';
  log.info({ ev: 'start', node: settings.node });
  for (;;) {
    let waitMs: number;
    try {
      const done = await keeper.next();
      if (done !== 'wait') waits.reset();
      if (done === 'wait') waitMs = waits.next();
      else waitMs = done === 'rest' ? idleMs : busyMs;
      pauses.reset();
      if (last !== '') log.info({ ev: 'recovered' });
      last = '';
    } catch (err) {
      if (signal.aborted || !(err instanceof KiosError)) throw err;
      waitMs = pauses.next();
      if (err.message !== last) log.warn({ ev: 'cluster.failed', err });
      last = err.message;
    }
    await sleep(spread(waitMs), signal);
  }
}

export const watch = command({
  command: 'watch',
  describe: 'Reboot or power off this node when its Node asks for it',
  builder: (args) => args.options(FLAGS),
  async run(args, context) {
    const settings = toSettings(args);
    if (!args.check && !args.dryRun) return keep(settings, context);
    const keeper = await openKeeper(settings, context);
    const next = await keeper.decide();
    if (args.dryRun) writeFileSync(1, `${JSON.stringify(next, undefined, 2)}\n`);
  },
});

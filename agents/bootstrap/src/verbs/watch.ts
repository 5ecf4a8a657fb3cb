import { createServer, type Server } from 'node:net';
import path from 'node:path';

import { errorCode, type Logger, sleep, DirectoryWatch } from '@kios/agent';
import { KiosError } from '@kios/errors';

import { BootstrapError } from '../core/faults/errors.ts';
import { FaultLog } from '../edge/faults/fault-log.ts';
import type { JoinContext } from './context.ts';
import { joinNode, type Outcome } from './join.ts';
import { Membership } from './membership.ts';

const LOCK = '\0kios.bootstrap';
async function tryLock(server: Server): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  server.once('error', (error) =>
    errorCode(error) === 'EADDRINUSE' ? resolve(false) : reject(error),
  );
  server.listen({ path: LOCK }, () => resolve(true));
  return promise;
}

/** One agent a network namespace: an abstract socket is freed by the kernel however its owner ends. */
export async function holdLock(log: Logger, signal: AbortSignal): Promise<Disposable> {
  for (let tries = 0; ; tries++) {
    const server = createServer((socket) => socket.destroy());
    if (await tryLock(server)) {
      server.unref();
      return { [Symbol.dispose]: () => void server.close() };
    }
    if (tries === 0) log.info({ ev: 'lock.wait' });
    await sleep(500, signal);
  }
}

function reportOutcome(
  log: Logger,
  outcome: Outcome,
  before: Outcome | undefined,
  rests: boolean,
): void {
  if (outcome === before) return;
  const why = rests ? 'its document was rolled back' : 'no document names a cluster';
  if (outcome === 'standalone') log.warn({ ev: 'standalone', why });
  // A node that was joined already when this agent started is not worth a line on the console.
  if (outcome === 'joined') log.info({ ev: 'joined', console: before !== undefined });
  if (outcome === 'pending') log.info({ ev: 'certificate.wait' });
}

/**
 * Joins, and then keeps the node as its document wants it: follows the lease's address, takes the token off the disk when kubelet
 * has its certificate. Never ends for a fault: whatever is wrong may be put right outside.
 */
export async function follow(start: JoinContext): Promise<void> {
  const context = { ...start, reported: new Set<string>(), timeline: new Map<string, number>() };
  const { settings, log, signal } = context;
  const faults = new FaultLog(log);
  const membership = new Membership(context);
  let before: Outcome | undefined;
  let now: JoinContext = context;
  using changes = new DirectoryWatch([
    settings.run,
    path.join(settings.run, 'net'),
    settings.kubeletPki,
    path.join(settings.etc, 'kios'),
    settings.seedDir,
  ]);
  for (;;) {
    let waitMs: number;
    try {
      const joined = await joinNode(now);
      // Once is what was asked for; each time would be a new identity a minute.
      now = { ...context, settings: { ...settings, reEvaluate: false } };
      faults.clear();
      reportOutcome(log, joined.outcome, before, joined.rests);
      before = joined.outcome;
      waitMs = await membership.look(joined);
    } catch (error) {
      if (signal.aborted || !(error instanceof KiosError)) throw error;
      waitMs = faults.report(error);
    }
    await changes.wait(waitMs, signal);
  }
}

/** Joins once: faults that only a person can mend end it, others are tried again until the settings' timeout. */
export async function joinOnce(start: JoinContext): Promise<void> {
  const context = { ...start, reported: new Set<string>() };
  const { settings, log, signal } = context;
  const faults = new FaultLog(log);
  const deadline = performance.now() + (settings.timeoutSeconds || Number.POSITIVE_INFINITY) * 1000;
  for (;;) {
    try {
      const { outcome, rests } = await joinNode(context);
      reportOutcome(log, outcome, undefined, rests);
      return;
    } catch (error) {
      if (!(error instanceof BootstrapError)) throw error;
      if (error.fault.event.startsWith('bad.') || performance.now() >= deadline) throw error;
      const left = deadline - performance.now();
      await sleep(Math.min(faults.report(error), left), signal);
    }
  }
}

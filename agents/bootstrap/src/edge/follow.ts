import { createServer, type Server } from 'node:net';
import path from 'node:path';

import { errorCode, type Logger, retryDelay, sleep } from '@kios/agent';
import { describe, KiosError } from '@kios/errors';

import { BootstrapError } from '../core/errors.ts';
import type { JoinContext } from './context.ts';
import { DirectoryWatch } from './directory-watch.ts';
import { join, type Outcome } from './join.ts';

const LOCK = '\0kios.bootstrap';
const IDLE_MS = 600_000;
/** A seed volume is not watched (a FAT file system tells nobody), so it is looked at again now and then. */
const STANDALONE_MS = 60_000;
/** kubelet's certificate: what tells of it is watched; the clock only serves the warning. */
const PENDING_MS = 60_000;
const LONGEST_RETRY_MS = 60_000;

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

/** Says each fault once on the console, and its repetitions in the pod's log only. */
class FaultLog {
  #last = '';
  #failures = 0;
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Answers the milliseconds until the next try. */
  report(error: KiosError): number {
    const text = describe(error);
    const event = error instanceof BootstrapError ? error.fault.event : 'failed';
    const firstMs = (error instanceof BootstrapError ? error.fault.retrySeconds : 30) * 1000;
    this.#failures = text === this.#last ? this.#failures + 1 : 1;
    const retryMs = retryDelay(
      { firstMs, maxMs: Math.max(firstMs, LONGEST_RETRY_MS), factor: 1.5 },
      this.#failures,
    );
    const fields = { ev: event, err: error, retrySeconds: Math.round(retryMs / 1000) };
    if (text === this.#last) this.#log.info(fields);
    else this.#log.error(fields);
    this.#last = text;
    return retryMs;
  }

  clear(): void {
    this.#last = '';
  }
}

const WAIT_MS: Readonly<Record<Outcome, number>> = {
  standalone: STANDALONE_MS,
  pending: PENDING_MS,
  joined: IDLE_MS,
};

/** Says once that the control plane leaves kubelet waiting: nothing on the node can change that. */
class PendingLog {
  #since: number | undefined;
  #warned = false;
  readonly #log: Logger;

  constructor(log: Logger) {
    this.#log = log;
  }

  note(outcome: Outcome): void {
    if (outcome !== 'pending') return void (this.#since = undefined);
    this.#since ??= performance.now();
    const seconds = Math.round((performance.now() - this.#since) / 1000);
    if (this.#warned || seconds * 1000 < PENDING_MS) return;
    this.#warned = true;
    this.#log.warn({
      ev: 'csr.pending',
      seconds,
      remedy: 'kubectl get csr, then kubectl certificate approve NAME',
    });
  }
}

function reportOutcome(log: Logger, outcome: Outcome, before: Outcome | undefined): void {
  if (outcome === before) return;
  if (outcome === 'standalone') log.warn({ ev: 'standalone', why: 'no document names a cluster' });
  // A node that was joined already when this agent started is not worth a line on the console.
  if (outcome === 'joined') log.info({ ev: 'joined', console: before !== undefined });
  if (outcome === 'pending') log.info({ ev: 'certificate.wait' });
}

/**
 * Joins, and then keeps the node as its document wants it: follows the lease's address, takes the token off the disk when kubelet
 * has its certificate. Never ends for a fault: whatever is wrong may be put right outside.
 */
export async function follow(start: JoinContext): Promise<void> {
  const context = { ...start, reported: new Set<string>() };
  const { settings, log, signal } = context;
  const faults = new FaultLog(log);
  const pending = new PendingLog(log);
  let before: Outcome | undefined;
  using changes = new DirectoryWatch([
    path.join(settings.run, 'net'),
    settings.kubeletPki,
    path.join(settings.etc, 'kios'),
    settings.seedDir,
  ]);
  for (;;) {
    let waitMs = IDLE_MS;
    try {
      const outcome = await join(context);
      faults.clear();
      reportOutcome(log, outcome, before);
      pending.note(outcome);
      before = outcome;
      waitMs = WAIT_MS[outcome];
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
      reportOutcome(log, await join(context), undefined);
      return;
    } catch (error) {
      if (!(error instanceof BootstrapError)) throw error;
      if (error.fault.event.startsWith('bad.') || performance.now() >= deadline) throw error;
      const left = deadline - performance.now();
      await sleep(Math.min(faults.report(error), left), signal);
    }
  }
}

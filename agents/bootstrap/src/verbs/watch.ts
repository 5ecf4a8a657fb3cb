import path from 'node:path';

import { DirectoryWatch } from '@kios/agent';
import { KiosError } from '@kios/errors';

import { FaultLog } from '../edge/faults/fault-log.ts';
import type { JoinContext } from './context.ts';
import { joinNode, type Outcome, reportOutcome, withoutInput } from './join.ts';
import { Membership } from './membership.ts';

/** Looks at a member whose document is at fault. The document's fault is the one to report. */
async function lookMeanwhile(context: JoinContext, membership: Membership): Promise<void> {
  try {
    await membership.look(await withoutInput(context));
  } catch (error) {
    if (!(error instanceof KiosError)) throw error;
  }
}

/**
 * Joins, and then keeps the node as its document says: follows the lease's address, and removes the token from the disk
 * when kubelet has its certificate. No fault ends it, because its cause may be corrected outside.
 */
export async function watch(start: JoinContext): Promise<void> {
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
      // Only the first run re-evaluates; otherwise the node would get a new identity every minute.
      now = { ...context, settings: { ...settings, reEvaluate: false } };
      faults.clear();
      reportOutcome(log, joined, before);
      before = joined.outcome;
      waitMs = await membership.look(joined);
    } catch (error) {
      if (signal.aborted || !(error instanceof KiosError)) throw error;
      waitMs = faults.report(error);
      await lookMeanwhile(context, membership);
    }
    await changes.wait(waitMs, signal);
  }
}

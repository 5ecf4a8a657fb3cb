import path from 'node:path';

import { DirectoryWatch } from '@kios/agent';
import { describe, KiosError } from '@kios/errors';

import type { Said } from '../core/diagnosis/signs.ts';
import { Board } from '../edge/diagnosis/board.ts';
import { FaultLog } from '../edge/faults/fault-log.ts';
import { publishStanding } from '../edge/node/standing.ts';
import type { JoinContext } from './context.ts';
import { diagnose } from './diagnose.ts';
import { joinNode, type Joined, type Outcome, reportOutcome, withoutInput } from './join.ts';
import { Membership } from './membership.ts';

/** The shortest pause between two looks at a member whose document is at fault, and that after a look that failed. */
const LOOK_MS = { shortest: 1000, failed: 10_000 };

/**
 * Looks at a member whose document is at fault, and returns the milliseconds until the next look. The document's fault
 * is the one to report.
 */
async function lookMeanwhile(context: JoinContext, membership: Membership): Promise<number> {
  try {
    return Math.max(await membership.look(await withoutInput(context)), LOOK_MS.shortest);
  } catch (error) {
    if (!(error instanceof KiosError)) throw error;
    return LOOK_MS.failed;
  }
}

/**
 * Waits until the document is due again or something changes. A member is looked at as often as one without a fault:
 * init counts the looks while a version of the system is on trial.
 */
async function waitAtFault(
  context: JoinContext,
  membership: Membership,
  changes: DirectoryWatch,
  waitMs: number,
): Promise<void> {
  const due = performance.now() + waitMs;
  for (;;) {
    const lookMs = await lookMeanwhile(context, membership);
    const leftMs = Math.max(due - performance.now(), 0);
    const isChange = await changes.wait(Math.min(leftMs, lookMs), context.signal);
    if (isChange || leftMs <= lookMs) return;
  }
}

/** Returns what keeps the node from its document, whose files were taken back. */
const takenBack = ({ node }: Joined): Said =>
  node.state?.isRefused === true
    ? {
        code: 'KIOS_BOOTSTRAP_KUBELET',
        cause: 'run kubelet with the files of the document: the previous files are back',
        remedy: "Correct kubelet.config or sysctls of the document; kubelet's log names the field.",
      }
    : {
        code: 'KIOS_BOOTSTRAP_NOT_READY',
        cause: 'become Ready with the document: the previous files are back',
        remedy: "Read kubelet's log and `kubectl get csr,node`, and correct the document.",
      };

/**
 * Joins, and then keeps the node as its document says: follows the lease's address, and removes the token from the disk
 * when kubelet has its certificate. No fault ends it, because its cause may be corrected outside.
 */
async function keepJoined(start: JoinContext, board: Board): Promise<void> {
  const timeline = new Map<string, number>();
  const context = { ...start, board, reported: new Set<string>(), timeline };
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
  board.onChange = () => {
    membership.lookSoon();
    changes.ring();
  };
  // Until it is known: a node without a network waits here, and must not count as one that joins no cluster.
  await publishStanding(settings, 'joining');
  for (;;) {
    try {
      const joined = await joinNode(now);
      // Only the first run re-evaluates; otherwise the node would get a new identity every minute.
      now = { ...context, settings: { ...settings, reEvaluate: false } };
      faults.clear();
      board.join = joined.isBackingOff ? takenBack(joined) : undefined;
      reportOutcome(log, joined, before);
      before = joined.outcome;
      await changes.wait(await membership.look(joined), signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof KiosError)) throw error;
      const waitMs = faults.report(error);
      const { code, remedy = 'Read the log of the agent bootstrap.' } = error;
      board.join = { code, cause: describe(error), remedy };
      await waitAtFault(context, membership, changes, waitMs);
    }
  }
}

/** Keeps the node joined, and tells what is wrong with it meanwhile. */
export async function watch(context: JoinContext): Promise<void> {
  const board = new Board();
  const work = [keepJoined(context, board)];
  if (context.settings.diagnoseSeconds > 0) work.push(diagnose(context, board));
  await Promise.all(work);
}

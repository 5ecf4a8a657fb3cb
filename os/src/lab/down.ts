import { rm } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

import type { Progress } from '../workstation/progress.ts';
import {
  controlPlaneStatus,
  purgeControlPlane,
  stopControlPlane,
} from './controlplane/controlplane.ts';
import { labMachine } from './node.ts';

/** Stops what `kios up` started, if it runs; `purge` also removes its data. */
export async function down(
  progress: Progress,
  { purge }: { readonly purge: boolean },
): Promise<void> {
  const machine = labMachine();
  if ((await machine.running()) !== undefined)
    await progress.task('stop the node', () => machine.stop());
  await progress.task('stop the control plane', () => stopControlPlane());
  if (!purge) return;
  await purgeControlPlane();
  await rm(machine.dir, { recursive: true, force: true });
}

const SETTLE_MS = 500;
const SETTLE_TRIES = 20;

const isDown = async (): Promise<boolean> =>
  (await labMachine().running()) === undefined && (await controlPlaneStatus()) === 'stopped';

/**
 * Stops a lab that was interrupted while it started. The interrupted work goes on and may start one more process before
 * it notices that the earlier ones are gone, so this ends only when nothing has run for a moment.
 */
export async function abandon(progress: Progress): Promise<void> {
  for (let tries = 0; tries < SETTLE_TRIES; tries += 1) {
    if (!(await isDown())) await down(progress, { purge: false });
    await sleep(SETTLE_MS);
    if (await isDown()) return;
  }
}

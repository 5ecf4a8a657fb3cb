import { rm } from 'node:fs/promises';

import { purgeControlPlane, stopControlPlane } from '../controlplane/controlplane.ts';
import type { Progress } from '../host/progress.ts';
import { tryoutMachine } from './node.ts';

/** Stops what `kios up` started, with `purge` also removes its data. Stopping what does not run is no fault. */
export async function down(
  progress: Progress,
  { purge }: { readonly purge: boolean },
): Promise<void> {
  const machine = tryoutMachine();
  if ((await machine.running()) !== undefined)
    await progress.task('stop the node', () => machine.stop());
  await progress.task('stop the control plane', () => stopControlPlane());
  if (!purge) return;
  await purgeControlPlane();
  await rm(machine.dir, { recursive: true, force: true });
}

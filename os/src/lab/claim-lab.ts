import { EXIT, KiosError } from '@kios/errors';

import { lockState } from '../workstation/folder-lock.ts';
import { stateDir } from '../workstation/paths.ts';
import type { Progress } from '../workstation/progress.ts';
import { down } from './down.ts';
import { labMachine } from './node.ts';

/**
 * Takes the lab for a command that starts a node of its own, until disposed: keeps others out, and removes what an
 * earlier node left. Fails when a node is up.
 */
export async function claimLab(progress: Progress): Promise<Disposable> {
  using claim = new DisposableStack();
  claim.use(lockState(stateDir));
  if ((await labMachine().running()) !== undefined)
    throw new KiosError('KIOS_NODE_RUNNING', 'start a node of its own: one is already up', {
      exitCode: EXIT.unavailable,
      remedy: 'Run ./kios down, or name another folder in KIOS_STATE_DIR.',
    });
  await down(progress, { purge: true });
  return claim.move();
}

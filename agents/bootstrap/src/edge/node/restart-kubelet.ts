import type { Logger } from '@kios/agent';
import { sendCommand } from '@kios/host-api';

import { BootstrapError } from '../../core/faults/errors.ts';
import { restartPause } from '../../core/files/restart.ts';
import type { JoinState } from '../../core/files/state.ts';
import type { Settings } from '../../core/settings/settings.ts';
import { bootSeconds } from './host.ts';
import { writeJoinState } from './node.ts';

/**
 * Has init restart kubelet, which it does once no pod is being started, and records that in the state. Fails when the
 * last restarts were too close.
 */
export async function restartKubelet(
  settings: Settings,
  log: Logger,
  signal: AbortSignal,
  state: JoinState,
  why: string,
): Promise<void> {
  if (!settings.restart) return log.info({ ev: 'restart.skipped', why: '--no-restart' });
  const asked = await bootSeconds();
  const pause = restartPause(state.restarts, asked);
  if (pause > 0)
    throw new BootstrapError(
      'KIOS_BOOTSTRAP_RESTART_LOOP',
      `restart kubelet: it was restarted ${state.restarts.length} times recently, wait ${pause} s`,
    );
  await sendCommand(settings.socket, 'restart-kubelet', { signal });
  const restarts = [...state.restarts, asked].slice(-5);
  const phase = state.phase === 'rolled-back' ? state.phase : 'restarted';
  const onTrialSince = state.onTrialSince ?? asked;
  await writeJoinState(settings, { ...state, phase, restarts, onTrialSince });
  log.info({ ev: 'restart.sent', why, console: true });
}

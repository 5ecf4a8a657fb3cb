import { readFile } from 'node:fs/promises';

import { sendCommand } from '@kios/host-api';
import type { Action } from '@kios/node-turn';

import { LifecycleError } from '../../core/faults/errors.ts';

const COMMANDS = { reboot: 'reboot', poweroff: 'power-off' } as const;
/** The agent asks again at its next step. */
const ATTEMPTS = 3;

/** Reads the kernel's number of this boot. Kubelet reports the same as `status.nodeInfo.bootID`. */
export async function readBootId(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    throw new LifecycleError('KIOS_LIFECYCLE_SETUP', `read ${file}`, { cause });
  }
}

/** Asks init for an orderly stop. Fails with a `ControlError`. */
export async function askHost(socket: string, action: Action, signal: AbortSignal): Promise<void> {
  await sendCommand(socket, COMMANDS[action], { signal, attempts: ATTEMPTS });
}

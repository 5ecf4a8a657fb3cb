import { EXIT, KiosError } from '@kios/errors';

import { bringUp, type UpOptions } from '../../lab/bring-up.ts';
import { down } from '../../lab/down.ts';
import { labMachine } from '../../lab/node.ts';
import { phaseRows } from '../../lab/phases.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { lockState } from '../../workstation/folder-lock.ts';
import { stateDir } from '../../workstation/paths.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import { ATTACKED, runAcceptance } from './run.ts';

/** `kios up --once`: starts a node, checks the acceptance list and leaves nothing running. */
export async function upOnce(context: CommandContext, options: UpOptions): Promise<void> {
  using _ = lockState(stateDir);
  const machine = labMachine();
  if ((await machine.running()) !== undefined)
    throw new KiosError('KIOS_NODE_RUNNING', 'start a node of its own: one is already up', {
      exitCode: EXIT.unavailable,
      remedy: 'Run ./kios down, or name another folder in KIOS_STATE_DIR.',
    });
  await down(context.progress, { purge: true });
  const started = await bringUp(context, machine, { ...options, ...ATTACKED });
  for (const line of formatTable(phaseRows(started.phases))) context.print(line);
  await runAcceptance(context, started);
  await context.undo.disposeAsync();
  await down(context.progress, { purge: true });
}

import { EXIT, KiosError } from '@kios/errors';

import { bringUp, type UpOptions } from '../../lab/bring-up.ts';
import { down } from '../../lab/down.ts';
import { labMachine } from '../../lab/node.ts';
import { phaseRows } from '../../lab/phases.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { lockState } from '../../workstation/folder-lock.ts';
import { stateDir } from '../../workstation/paths.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import { runAcceptance } from './run.ts';

/** `kios up --once`: proves the node by the acceptance list and leaves nothing running. */
export async function upOnce(cli: CommandContext, options: UpOptions): Promise<void> {
  using _ = lockState(stateDir);
  const machine = labMachine();
  if ((await machine.running()) !== undefined)
    throw new KiosError('KIOS_NODE_RUNNING', 'start a node of its own: one is up here already', {
      exitCode: EXIT.unavailable,
      remedy: 'stop it with ./kios down, or name another folder by KIOS_STATE_DIR',
    });
  await down(cli.progress, { purge: true });
  const started = await bringUp(cli, machine, options);
  for (const line of formatTable(phaseRows(started.phases))) cli.print(line);
  await runAcceptance(cli, started);
  await cli.undo.disposeAsync();
  await down(cli.progress, { purge: true });
}

import { bringUp, type UpOptions } from '../../lab/bring-up.ts';
import { claimLab } from '../../lab/claim-lab.ts';
import { down } from '../../lab/down.ts';
import { labMachine } from '../../lab/node.ts';
import { phaseRows } from '../../lab/phases.ts';
import type { CommandContext } from '../../workstation/command-context.ts';
import { formatTable } from '../../workstation/terminal/table.ts';
import { ATTACKED, runAcceptance } from './run.ts';

/** `kios up --once`: starts a node, checks the acceptance list and leaves nothing running. */
export async function upOnce(context: CommandContext, options: UpOptions): Promise<void> {
  using _ = await claimLab(context.progress);
  const started = await bringUp(context, labMachine(), { ...options, ...ATTACKED });
  for (const line of formatTable(phaseRows(started.phases))) context.print(line);
  await runAcceptance(context, started);
  await context.undo.disposeAsync();
  await down(context.progress, { purge: true });
}

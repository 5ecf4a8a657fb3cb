import path from 'node:path';

import type { CommandContext } from '../workstation/command-context.ts';
import { lockState } from '../workstation/folder-lock.ts';
import { stateDir } from '../workstation/paths.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { bringUp, type UpNode, type UpOptions } from './bring-up.ts';
import { tryoutMachine } from './node.ts';
import { phaseRows } from './phases.ts';
import { statusLines } from './status.ts';

function report(cli: CommandContext, { node, phases, nodeName }: UpNode): void {
  for (const line of formatTable(phaseRows(phases))) cli.print(line);
  const files = path.relative(process.cwd(), node.machine.dir) || '.';
  cli.print('');
  cli.print(`Node ${nodeName} is Ready. It keeps running; its files are in ${files}.`);
  cli.print('  ./kios kubectl get nodes -o wide');
  cli.print('  ./kios kubectl get pods -A');
  cli.print('  ./kios logs -f kubelet');
  cli.print('  ./kios down');
}

/** `kios up`: leaves the node running. */
export async function up(cli: CommandContext, options: UpOptions): Promise<void> {
  using _ = lockState(stateDir);
  const machine = tryoutMachine();
  if ((await machine.running()) !== undefined) {
    cli.print('The node is up already.');
    for (const line of await statusLines()) cli.print(line);
    return;
  }
  const started = await bringUp(cli, machine, options);
  started.node.console[Symbol.dispose]();
  cli.undo.move(); // It is up: leaving this command must not stop it.
  report(cli, started);
}

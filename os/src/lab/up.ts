import path from 'node:path';

import { builtBefore } from '../build/kernel/built-before.ts';
import { DEFAULT_KERNEL, type KernelName } from '../build/kernel/kernel-name.ts';
import type { CommandContext } from '../workstation/command-context.ts';
import { lockState } from '../workstation/folder-lock.ts';
import { stateDir } from '../workstation/paths.ts';
import { formatTable } from '../workstation/terminal/table.ts';
import { bringUp, type UpNode, type UpOptions } from './bring-up.ts';
import { labMachine } from './node.ts';
import { phaseRows } from './phases.ts';
import { statusLines } from './status.ts';

function report(context: CommandContext, { node, phases, nodeName }: UpNode): void {
  for (const line of formatTable(phaseRows(phases))) context.print(line);
  const files = path.relative(process.cwd(), node.machine.dir) || '.';
  context.print('');
  context.print(`Node ${nodeName} is Ready. It keeps running; its files are in ${files}.`);
  context.print('  ./kios kubectl get nodes -o wide');
  context.print('  ./kios kubectl get pods -A');
  context.print('  ./kios logs -f kubelet');
  context.print('  ./kios down');
}

/** A first try does not wait for the kernel's compilation, which takes longer than everything else together. */
async function kernelToTry(context: CommandContext): Promise<KernelName> {
  if (await builtBefore()) return DEFAULT_KERNEL;
  context.progress.info(
    'This node boots Debian’s kernel, because kiOS’ own is not built yet; `./kios up --kernel kios` builds it (25 minutes of two processors).',
  );
  return 'debian';
}

/** Starts a node, waits until it is Ready and leaves it running. */
export async function up(context: CommandContext, options: UpOptions): Promise<void> {
  using _ = lockState(stateDir);
  const machine = labMachine();
  if ((await machine.running()) !== undefined) {
    context.print('The node is already running.');
    for (const line of await statusLines()) context.print(line);
    return;
  }
  const kernel = options.kernel ?? (await kernelToTry(context));
  const started = await bringUp(context, machine, { ...options, kernel });
  started.node.console[Symbol.dispose]();
  context.undo.move(); // The end of this command must not stop the node.
  report(context, started);
}

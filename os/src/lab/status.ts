import { formatDuration } from '../workstation/terminal/duration.ts';
import { controlPlaneKubeconfig } from './cluster.ts';
import { controlPlaneStatus } from './controlplane/controlplane.ts';
import { Kubectl } from './kubectl.ts';
import { labMachine } from './node.ts';
import { exposureWarning } from './qemu/own-network.ts';

/** Returns the state of the node, the control plane and the pods as lines. */
export async function statusLines(): Promise<string[]> {
  const machine = labMachine();
  const running = await machine.running();
  const plane = await controlPlaneStatus();
  const lines = [
    running === undefined
      ? 'node: off'
      : `node: on for ${formatDuration(Date.now() - running.startedAt)}, QEMU process ${running.pid}, console ${machine.file('console')}`,
    ...(running?.exposed === undefined ? [] : [exposureWarning(running.exposed)]),
    `control plane: ${plane}`,
  ];
  if (plane !== 'running') return lines;
  const kubectl = await Kubectl.open(await controlPlaneKubeconfig());
  const tables = ['nodes', 'pods'].map((kind) =>
    kubectl.call(['get', kind, '-A', '-o', 'wide', '--request-timeout=5s']),
  );
  return [...lines, ...(await Promise.all(tables)).flatMap((table) => ['', table.trim()])];
}

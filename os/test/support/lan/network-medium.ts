import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import type { ControlPlane } from '../../../src/lab/controlplane/controlplane.ts';
import { seedFor } from '../../../src/lab/seed-document.ts';
import { configure } from '../../../src/media/configure/configure.ts';
import type { Progress } from '../../../src/workstation/progress.ts';

/** Puts on the disk of a machine what its node joins, its name and its network file. */
export async function configureNetwork(
  target: string,
  wanted: { readonly hostname: string; readonly network: string },
  plane: ControlPlane,
  progress: Progress,
): Promise<void> {
  await using undo = new AsyncDisposableStack();
  const dir = await mkdtemp(path.join(tmpdir(), 'kios-medium-'));
  undo.defer(() => rm(dir, { recursive: true, force: true }));
  const [bootstrap, network] = [path.join(dir, 'node.yaml'), path.join(dir, 'network.yaml')];
  const { 'user-data': text } = seedFor({
    instanceId: 'unused',
    endpoint: plane.endpointForGuest,
    caCertHash: plane.caCertHash,
    token: await plane.createBootstrapToken(),
  });
  await writeFile(bootstrap, text);
  await writeFile(network, wanted.network);
  const { signal } = new AbortController();
  await configure(
    { progress, signal, undo, print: () => {} },
    {
      target,
      wanted: { bootstrap, network, hostname: wanted.hostname },
      show: false,
      json: false,
    },
  );
}

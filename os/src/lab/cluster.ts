import { EXIT, KiosError } from '@kios/errors';

import { adminKubeconfigPath, controlPlaneStatus } from './controlplane/controlplane.ts';

/** The administrator's kubeconfig of the cluster that runs; fails with what to do when none does. */
export async function controlPlaneKubeconfig(): Promise<string> {
  if ((await controlPlaneStatus()) === 'running') return adminKubeconfigPath();
  throw new KiosError('KIOS_NODE_ABSENT', 'reach the lab cluster: it does not run', {
    exitCode: EXIT.unavailable,
    remedy: 'Start it with ./kios up.',
  });
}

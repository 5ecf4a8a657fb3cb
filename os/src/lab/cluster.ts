import { EXIT, KiosError } from '@kios/errors';

import { adminKubeconfigPath, controlPlaneStatus } from './controlplane/controlplane.ts';

/** Returns the administrator's kubeconfig of the running cluster. Fails when none runs. */
export async function controlPlaneKubeconfig(): Promise<string> {
  if ((await controlPlaneStatus()) === 'running') return adminKubeconfigPath();
  throw new KiosError('KIOS_NODE_ABSENT', 'reach the lab cluster: it does not run', {
    exitCode: EXIT.unavailable,
    remedy: 'Start it with ./kios up.',
  });
}

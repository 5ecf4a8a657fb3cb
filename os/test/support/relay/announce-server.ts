import { formatClusterInfo } from '../../../src/lab/controlplane/kubeconfig.ts';
import type { SegmentLab } from './segment-lab.ts';

/**
 * Has cluster-info name this API server: a node that joins by the hash of the CA goes on with that one, whichever its
 * document has.
 */
export async function announceServer(
  { plane, kubectl }: Pick<SegmentLab, 'plane' | 'kubectl'>,
  server: string,
): Promise<void> {
  const patch = { data: { kubeconfig: formatClusterInfo(server, plane.caPem) } };
  const what = ['patch', 'configmap', 'cluster-info', '-n', 'kube-public', '--type=merge'];
  await kubectl.call([...what, '-p', JSON.stringify(patch)]);
}

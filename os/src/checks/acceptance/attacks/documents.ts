import { stringify } from 'yaml';

import { RUNTIME, RUNTIME_IMAGE } from '../../../lab/guest-program.ts';
import type { Seed, SeedLabel } from '../../../lab/qemu/seed.ts';

/** Returns the manifest of a privileged static pod, with which an attacker would own the node. */
const intruder = (name: string): unknown => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'kube-system' },
  spec: {
    hostPID: true,
    hostNetwork: true,
    containers: [
      {
        name: 'intruder',
        image: RUNTIME_IMAGE,
        imagePullPolicy: 'Never',
        command: [RUNTIME, '-e', 'setInterval(() => {}, 60_000)'],
        securityContext: { privileged: true },
      },
    ],
  },
});

/** Returns a document without a cluster, so that no API server has a say, that places a static pod. */
const document = (pod: string): string =>
  stringify({
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    files: [
      {
        path: `/etc/kubernetes/manifests/${pod}.yaml`,
        content: stringify(intruder(pod), { lineWidth: 0 }),
      },
    ],
  });

/** Returns the files of a volume of this label that places a static pod of this name. */
export function hostileSeed(label: SeedLabel, pod: string): Seed {
  if (label === 'CIDATA')
    return { 'meta-data': stringify({ 'instance-id': pod }), 'user-data': document(pod) };
  return {
    'openstack/latest/meta_data.json': JSON.stringify({ uuid: pod }),
    'openstack/latest/user_data': document(pod),
  };
}

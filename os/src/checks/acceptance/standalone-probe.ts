import { stringify } from 'yaml';

import { CONSOLE_SOCKET } from '../../../guest/src/scripts.ts';
import { RUNTIME_IMAGE, scriptCommand } from '../../lab/guest-program.ts';

const HOST_FOLDERS = ['/var/log/pods', '/etc/kubernetes'] as const;
const WATCH_SECONDS = 15;
const LONGEST_SECONDS = 240;

/** Codes with which bootstrap refuses a cluster that is not the right one or does not know its token (yet). */
export const REFUSED = /KIOS_BOOTSTRAP_(UNTRUSTED|UNSIGNED|TOKEN)/;

/** Name of the probe's pod and of its agent on the console. */
export const PROBE = 'standalone-probe';

/** Returns the probe as a static pod. Its program is in the manifest: a node that has not joined gets no ConfigMap. */
export async function probeManifest(): Promise<string> {
  const command = await scriptCommand('watch-standalone', {
    agent: PROBE,
    socket: CONSOLE_SOCKET,
    refused: REFUSED.source,
    watchSeconds: WATCH_SECONDS,
    longestSeconds: LONGEST_SECONDS,
  });
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: PROBE, namespace: 'kube-system' },
    spec: {
      hostNetwork: true,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'probe',
          image: RUNTIME_IMAGE,
          imagePullPolicy: 'Never',
          command,
          volumeMounts: [
            { name: 'console', mountPath: CONSOLE_SOCKET },
            ...HOST_FOLDERS.map((folder, index) => ({
              name: `folder-${index}`,
              mountPath: folder,
              readOnly: true,
            })),
          ],
        },
      ],
      volumes: [
        { name: 'console', hostPath: { path: CONSOLE_SOCKET, type: 'Socket' } },
        ...HOST_FOLDERS.map((folder, index) => ({
          name: `folder-${index}`,
          hostPath: { path: folder, type: 'Directory' },
        })),
      ],
    },
  };
  return stringify(pod, { lineWidth: 0 });
}

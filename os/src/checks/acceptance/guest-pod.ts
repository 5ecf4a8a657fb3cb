import { guestProgram, MAIN_FILE, RUNTIME, RUNTIME_IMAGE } from '../../lab/guest-program.ts';
import type { Kubectl } from '../../lab/kubectl.ts';

/** Key of the program in its ConfigMap. */
const KEY = 'guest.cjs';

/** A pod that runs `os/guest/src/main.ts`. */
interface GuestPod {
  readonly name: string;
  readonly nodeName: string;
  readonly args: readonly string[];
  /** Capabilities beyond those of an ordinary pod. */
  readonly capabilities?: readonly string[];
  /** Makes the pod privileged, with the host's files and these of its namespaces. Absent: an ordinary pod. */
  readonly privileged?: Readonly<Partial<Record<'hostPID' | 'hostNetwork' | 'hostIPC', true>>>;
}

function guestPod(guest: GuestPod): unknown {
  const { name, nodeName, args, capabilities = [], privileged } = guest;
  const isPrivileged = privileged !== undefined;
  const host = { name: 'host', hostPath: { path: '/', type: 'Directory' } };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName,
      ...privileged,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      ...(isPrivileged ? { tolerations: [{ operator: 'Exists' }] } : {}),
      containers: [
        {
          name: 'guest',
          image: RUNTIME_IMAGE,
          imagePullPolicy: 'Never',
          command: [RUNTIME, MAIN_FILE, ...args],
          env: [{ name: 'HOME', value: '/tmp' }],
          securityContext: {
            runAsUser: 0,
            privileged: isPrivileged,
            capabilities: { add: [...capabilities] },
          },
          volumeMounts: [
            { name: 'program', mountPath: MAIN_FILE, subPath: KEY },
            ...(isPrivileged ? [{ name: 'host', mountPath: '/host' }] : []),
          ],
        },
      ],
      volumes: [{ name: 'program', configMap: { name } }, ...(isPrivileged ? [host] : [])],
    },
  };
}

/** Creates the pod and its program. */
export async function createGuest(kubectl: Kubectl, guest: GuestPod): Promise<void> {
  const map = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: guest.name, namespace: 'default' },
    data: { [KEY]: await guestProgram('main') },
  };
  const items = { apiVersion: 'v1', kind: 'List', items: [map, guestPod(guest)] };
  await kubectl.call(['create', '-f', '-'], { input: JSON.stringify(items) });
}

/** Deletes the pod and its program; `wait` returns when kubelet has taken the pod away. */
export async function deleteGuest(kubectl: Kubectl, name: string, wait?: 'wait'): Promise<void> {
  const args = ['delete', 'pod,configmap', name, '--ignore-not-found'];
  await (wait === undefined ? kubectl.call([...args, '--wait=false']) : kubectl.wait(args));
}

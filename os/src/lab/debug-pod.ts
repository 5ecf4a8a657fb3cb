import { randomUUID } from 'node:crypto';

import * as v from 'valibot';

import { HostFacts } from '../../guest/src/host-facts.ts';
import { RUNTIME_IMAGE, scriptCommand } from './guest-program.ts';
import type { Kubectl } from './kubectl.ts';

interface DebugPod {
  readonly nodeName: string;
  readonly command: readonly string[];
  readonly capabilities?: readonly string[];
  readonly privileged?: boolean;
  /** Sockets of the host to mount at the same path. */
  readonly sockets?: readonly string[];
  /** How long the command may take, of `runOnHost`. */
  readonly seconds?: number;
}

const EXIT_CODE = '.status.containerStatuses[0].state.terminated.exitCode';
/** Length of the end of a failed pod's log that the message quotes. */
const TAIL_CHARACTERS = 500;

/** Returns a Pod object that runs a command once, in the host's process and network namespaces. */
function debugPod(name: string, { nodeName, command, ...rest }: DebugPod): unknown {
  const { capabilities = [], sockets = [], privileged = false } = rest;
  const mounts = sockets.map((socket, index) => ({ name: `socket-${index}`, path: socket }));
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName,
      hostPID: true,
      hostNetwork: true,
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ operator: 'Exists' }],
      // Kubelet refuses other pods for minutes after a full disk.
      priorityClassName: 'system-node-critical',
      containers: [
        {
          name: 'debug',
          image: RUNTIME_IMAGE,
          imagePullPolicy: 'Never',
          command,
          env: [{ name: 'HOME', value: '/tmp' }],
          securityContext: { runAsUser: 0, privileged, capabilities: { add: [...capabilities] } },
          volumeMounts: mounts.map((mount) => ({ name: mount.name, mountPath: mount.path })),
        },
      ],
      volumes: mounts.map((mount) => ({
        name: mount.name,
        hostPath: { path: mount.path, type: 'Socket' },
      })),
    },
  };
}

/** Starts a command on the node in the host's process and network namespaces, and returns the pod's name. */
export async function startOnHost(kubectl: Kubectl, pod: DebugPod): Promise<string> {
  const name = `debug-${randomUUID().slice(0, 8)}`;
  await kubectl.call(['create', '-f', '-'], { input: JSON.stringify(debugPod(name, pod)) });
  return name;
}

/** Runs a command on the node and returns what it printed. Fails when its exit code is not 0. */
export async function runOnHost(kubectl: Kubectl, pod: DebugPod): Promise<string> {
  const name = await startOnHost(kubectl, pod);
  try {
    // Not the pod's phase, which stays Running until kubelet has cleaned up after the container.
    await kubectl.wait(['wait', `--for=jsonpath={${EXIT_CODE}}`, `pod/${name}`], pod.seconds);
    const exitCode = await kubectl.call(['get', 'pod', name, '-o', `jsonpath={${EXIT_CODE}}`]);
    const output = await kubectl.call(['logs', name]);
    if (exitCode.trim() === '0') return output;
    throw new Error(`debug pod ended with ${exitCode}: ${output.trim().slice(-TAIL_CHARACTERS)}`);
  } finally {
    await kubectl.call(['delete', 'pod', name, '--wait=false', '--ignore-not-found']);
  }
}

const RUNTIME_SOCKET = '/run/containerd/containerd.sock';

/** Returns what a pod sees of the host now. */
export async function lookAtHost(kubectl: Kubectl, nodeName: string): Promise<HostFacts> {
  const output = await runOnHost(kubectl, {
    nodeName,
    command: await scriptCommand('host', { runtime: RUNTIME_SOCKET }),
    sockets: [RUNTIME_SOCKET],
    // Reading another process's /proc/<pid>/{exe,root,mountinfo} counts as tracing.
    capabilities: ['SYS_PTRACE', 'DAC_READ_SEARCH'],
  });
  return v.parse(v.pipe(v.string(), v.parseJson(), HostFacts), output);
}

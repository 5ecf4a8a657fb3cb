import { randomUUID } from 'node:crypto';

import * as v from 'valibot';

import type { Kubectl } from '../../lab/kubectl.ts';
import type { Subject } from './assertion.ts';
import { guestProgram, MAIN_FILE, RUNTIME, RUNTIME_IMAGE } from './guest-program.ts';

/** Key of the program in its ConfigMap. */
const KEY = 'guest.cjs';
const EXIT_CODE = '.status.containerStatuses[0].state.terminated.exitCode';
/** Some probes start the runtime again, which takes a second each under emulation. */
const TIMEOUT = '--timeout=300s';

const Line = v.union([
  v.object({ kernel: v.string() }),
  v.object({ name: v.string(), result: v.nullable(v.string()) }),
]);

/** Results of a node's kernel, by the name of the attempt. */
export interface Results {
  readonly kernel: 'debian' | 'kios';
  readonly results: ReadonlyMap<string, string | null>;
}

/** Parses the output of `os/guest/src/main.ts`. */
export function parseResults(output: string): Results {
  const lines = output
    .trim()
    .split('\n')
    .map((line) => v.parse(v.pipe(v.string(), v.parseJson(), Line), line));
  const release = lines.find((line) => 'kernel' in line)?.kernel ?? '';
  const results = lines.flatMap((line) =>
    'name' in line ? [[line.name, line.result] as const] : [],
  );
  return { kernel: /deb\d+/.test(release) ? 'debian' : 'kios', results: new Map(results) };
}

type Mode = 'facts' | 'features' | 'probes';

/** Namespaces of the host that a pod gets by mode. Each pod is privileged and has the host's files. */
const PRIVILEGED = {
  facts: { hostPID: true, hostNetwork: true },
  probes: { hostPID: true, hostNetwork: true, hostIPC: true },
  features: {},
} as const;

interface GuestRequest {
  readonly nodeName: string;
  readonly mode: Mode;
  readonly names?: readonly string[];
}

function guestPod(name: string, { nodeName, mode, names = [] }: GuestRequest): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      nodeName,
      ...PRIVILEGED[mode],
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'guest',
          image: RUNTIME_IMAGE,
          imagePullPolicy: 'Never',
          command: [RUNTIME, MAIN_FILE, mode, ...names],
          env: [{ name: 'HOME', value: '/tmp' }],
          securityContext: { runAsUser: 0, privileged: true },
          volumeMounts: [
            { name: 'program', mountPath: MAIN_FILE, subPath: KEY },
            { name: 'host', mountPath: '/host' },
          ],
        },
      ],
      volumes: [
        { name: 'program', configMap: { name } },
        { name: 'host', hostPath: { path: '/', type: 'Directory' } },
      ],
    },
  };
}

/** Runs all probes, tries all features, or reads facts, in one pod on the node. */
export async function askGuest(kubectl: Kubectl, request: GuestRequest): Promise<Results> {
  const name = `${request.mode}-${randomUUID().slice(0, 8)}`;
  const map = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'default' },
    data: { [KEY]: await guestProgram('main') },
  };
  const pod = guestPod(name, request);
  const items = { apiVersion: 'v1', kind: 'List', items: [map, pod] };
  await kubectl.call(['create', '-f', '-'], { input: JSON.stringify(items) });
  try {
    await kubectl.call(['wait', `--for=jsonpath={${EXIT_CODE}}`, `pod/${name}`, TIMEOUT], {
      timeoutMs: 310_000,
    });
    return parseResults(await kubectl.call(['logs', name]));
  } finally {
    await kubectl.call(['delete', 'pod,configmap', name, '--wait=false', '--ignore-not-found']);
  }
}

/** Returns a function that asks each node once, so that all its assertions share one pod. */
export function askedOnce(mode: Mode): (subject: Subject) => Promise<Results> {
  const runs = new WeakMap<Subject, Promise<Results>>();
  return (subject) => {
    const { kubectl, nodeName } = subject;
    const known = runs.get(subject) ?? askGuest(kubectl, { nodeName, mode });
    runs.set(subject, known);
    return known;
  };
}

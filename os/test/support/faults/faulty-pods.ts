import { WORKSTATION_SEEN_BY_GUEST } from '../../../src/lab/controlplane/layout.ts';
import { RUNTIME_IMAGE } from '../../../src/lab/guest-program.ts';
import type { SeedFile } from '../../../src/lab/seed-document.ts';

interface FaultyPod {
  readonly name: string;
  readonly image?: string;
  readonly pull?: 'Never' | 'IfNotPresent';
  readonly script?: string;
  readonly memory?: string;
  /** A folder of the host, at /host in the pod. */
  readonly folder?: string;
  /** The node of a pod that is no static one. */
  readonly nodeName?: string;
  readonly restarts?: boolean;
  readonly capabilities?: readonly string[];
}

/** Returns a pod that kubelet never evicts, with the image of an agent if no other is given. */
export function podOf({ name, folder, nodeName, ...rest }: FaultyPod): string {
  const isKept = nodeName === undefined || rest.restarts === true;
  const { image = RUNTIME_IMAGE, pull = 'Never', script, memory = '256Mi' } = rest;
  const add = rest.capabilities ?? [];
  // Kubelet tells the name of a pod with its UID where it mounts a volume for it, as it does for nearly all pods.
  const volume = folder === undefined ? { emptyDir: {} } : { hostPath: { path: folder } };
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'kube-system' },
    spec: {
      ...(nodeName === undefined ? {} : { nodeName }),
      hostNetwork: true,
      priorityClassName: 'system-node-critical',
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      restartPolicy: isKept ? 'Always' : 'Never',
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'main',
          image,
          imagePullPolicy: pull,
          ...(script === undefined ? {} : { command: ['/bin/bun', '-e', script] }),
          env: [{ name: 'HOME', value: '/tmp' }],
          securityContext: { runAsUser: 0, capabilities: { add } },
          // Kubelet admits all of them beside the shipped ones.
          resources: { limits: { memory }, requests: { memory: '16Mi' } },
          volumeMounts: [{ name: 'host', mountPath: '/host' }],
        },
      ],
      volumes: [{ name: 'host', ...volume }],
    },
  });
}

/** Nothing listens there. */
const NOBODY = `${WORKSTATION_SEEN_BY_GUEST}:9`;

/** Puts a static pod into a document. */
const staticPod = (pod: FaultyPod): SeedFile => ({
  path: `/etc/kubernetes/manifests/${pod.name}.yaml`,
  content: podOf(pod),
});

/** Static pods of a document: each has a fault of its own, by the code that tells it. */
export function staticFaults(registry: string): {
  readonly files: readonly SeedFile[];
  readonly codes: readonly string[];
} {
  const pods: Readonly<Record<string, FaultyPod>> = {
    KIOS_FAULT_CRASH_LOOP: { name: 'crashing', script: 'process.exit(3)' },
    KIOS_FAULT_IMAGE_MISSING: { name: 'missing', image: 'kios.invalid/nothing:1' },
    KIOS_FAULT_IMAGE_DENIED: {
      name: 'denied',
      image: `${registry}/private/app:1`,
      pull: 'IfNotPresent',
    },
    KIOS_FAULT_IMAGE_CORRUPT: {
      name: 'corrupt',
      image: `${registry}/corrupt:1`,
      pull: 'IfNotPresent',
    },
    KIOS_FAULT_PROXY: { name: 'unreached', image: `${NOBODY}/app:1`, pull: 'IfNotPresent' },
  };
  const files = Object.values(pods).map(staticPod);
  // The kernel refuses the value, and so the module.
  const module = {
    path: '/etc/kios/modules/modules.yaml',
    content: 'load: [{name: nbd, params: nbds_max=many, required: false}]\n',
  };
  return { files: [...files, module], codes: [...Object.keys(pods), 'KIOS_FAULT_MODULE'] };
}

/** A script that takes more memory than its pod may have. */
export const TAKES_MEMORY = `
  const taken = [];
  for (;;) taken.push(Buffer.alloc(8 * 1024 * 1024, 1));
`;

/** A script that starts more programs than its pod may have processes. */
export const TAKES_PROCESSES = `
  // An idle one counts as two, for it has two threads.
  for (let i = 0; i < 60; i += 1)
    try { Bun.spawn([process.execPath, '-e', 'setTimeout(() => {}, 120000)']); } catch {}
  setTimeout(() => {}, 120000);
`;

/** A script that fills the file system of /host, and empties it again. */
export const FILLS_DISK = `
  const fs = require('node:fs');
  const file = '/host/fill';
  const chunk = Buffer.alloc(16 * 1024 * 1024, 1);
  const isFull = () => { const s = fs.statfsSync('/host'); return s.bavail / s.blocks < 0.08; };
  while (!isFull()) fs.appendFileSync(file, chunk);
  await Bun.sleep(120000);
  fs.rmSync(file);
`;

/** A script that takes the configurations of pod networks out of /host for a while. */
export const TAKES_NETWORK = `
  const fs = require('node:fs');
  fs.mkdirSync('/host/aside', { recursive: true });
  const names = fs.readdirSync('/host').filter((name) => /\\.conf(list)?$/.test(name));
  for (const name of names) fs.renameSync('/host/' + name, '/host/aside/' + name);
  await Bun.sleep(120000);
  for (const name of names) fs.renameSync('/host/aside/' + name, '/host/' + name);
`;

import path from 'node:path';

import { stringify } from 'yaml';

import { CONSOLE_SOCKET, EVENTS } from '../../../guest/src/scripts.ts';
import { imageName } from '../../build/shipped.ts';
import { RUNTIME_IMAGE, scriptCommand } from '../../lab/guest-program.ts';
import type { SeenEvent } from '../../lab/qemu/console.ts';
import { writeToExt4 } from '../../lab/qemu/data-partition.ts';
import { BASELINE_PODS, bootBaseline } from '../baseline.ts';
import { bootDisk, copyDisk, diskWith, type Disk, type Entries, NODE_PODS } from '../disk.ts';
import { startBench } from '../machine.ts';
import type { Rig } from './rig.ts';
import type { Found, Sample, Series, View } from './series.ts';

const SYSTEMS = ['kios', 'debian'] as const;
type System = (typeof SYSTEMS)[number];
const TITLES: Readonly<Record<System, string>> = { kios: 'kiOS', debian: 'Debian with systemd' };

/** Pods on the node, with the one that watches and the trivial one of the image; kubelet takes 110. */
const COUNTS = [2, 20, 50, 80, 110] as const;
const OTHERS = 2;
const MEMORY_MIB = 4096;
/** A hundred pods take two minutes of the guest, each of which takes many of the workstation. */
const DEADLINE_MS = 3 * 3_600_000;
const NAME = 'watch-pods';
const PROCESS = 'pause';

/** Returns a pod that waits in a container of its own and does nothing. What it costs is the node's cost. */
const idlePod = (name: string): string =>
  stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default' },
    spec: {
      hostNetwork: true,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'idle',
          image: imageName('pause'),
          imagePullPolicy: 'Never',
          resources: { requests: { memory: '1Mi' } },
        },
      ],
    },
  });

/** Returns the pod that counts so many others, and tells the console. */
async function watchPod(pods: number): Promise<string> {
  const command = await scriptCommand(NAME, {
    agent: NAME,
    socket: CONSOLE_SOCKET,
    process: PROCESS,
    pods,
    everyMs: 100,
    restSeconds: 10,
    restKiB: 1024,
  });
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: NAME, namespace: 'kube-system' },
    spec: {
      hostNetwork: true,
      // It finds the processes of the others.
      hostPID: true,
      automountServiceAccountToken: false,
      terminationGracePeriodSeconds: 1,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'watch',
          image: RUNTIME_IMAGE,
          imagePullPolicy: 'Never',
          command,
          securityContext: {
            runAsUser: 0,
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          resources: { requests: { memory: '8Mi' } },
          volumeMounts: [{ name: 'console', mountPath: CONSOLE_SOCKET }],
        },
      ],
      volumes: [{ name: 'console', hostPath: { path: CONSOLE_SOCKET, type: 'Socket' } }],
    },
  };
  return stringify(pod, { lineWidth: 0 });
}

/** Returns the manifests of `count` pods but for the image's own, as files of a folder. */
export async function manifests(folder: string, count: number): Promise<Entries> {
  const idle = count - OTHERS;
  const pods = Array.from({ length: idle }, (_, index) => {
    const name = `idle-${String(index + 1).padStart(3, '0')}`;
    return [path.join(folder, `${name}.yaml`), { content: idlePod(name) }] as const;
  });
  const watch = [path.join(folder, `${NAME}.yaml`), { content: await watchPod(idle) }] as const;
  return Object.fromEntries([...pods, watch]);
}

interface Booted {
  readonly disk: Disk;
  readonly boot: readonly string[];
}

/** Makes the disk of a system, which boots with so many pods. */
async function prepare(rig: Rig, system: System, count: number): Promise<Booted> {
  const { undo } = rig.context;
  if (system === 'kios') {
    const { image } = await rig.single();
    const disk = await diskWith(image, await manifests(NODE_PODS, count), undo);
    return { disk, boot: bootDisk(disk.file) };
  }
  const baseline = await rig.baseline();
  const disk = await copyDisk(baseline.root, undo);
  await writeToExt4(disk.file, await manifests(BASELINE_PODS, count));
  return { disk, boot: bootBaseline({ ...baseline, root: disk.file }) };
}

const is =
  (ev: string) =>
  (event: SeenEvent): boolean =>
    event.agent === NAME && event.ev === ev;

async function measureDensity(rig: Rig, system: System, count: number): Promise<Found> {
  const { disk, boot } = await prepare(rig, system, count);
  await using _ = disk;
  await using machine = await startBench({ boot, memoryMiB: MEMORY_MIB }, rig.context.undo);
  const { console } = machine;
  const all = await console.expect(`${count} pods run`, is(EVENTS.allPods), DEADLINE_MS);
  const rest = await console.expect('memory rests', is(EVENTS.rest), DEADLINE_MS);
  const first = console.events.find(is(EVENTS.firstPod)) ?? all;
  const values = {
    [`${system}FirstSeconds`]: first.up,
    [`${system}FirstRunning`]: Number(first.fields['running'] ?? 0),
    [`${system}AllSeconds`]: all.up,
    [`${system}UsedKiB`]: Number(rest.fields['usedKiB']),
  };
  return { samples: [{ x: count, values }] };
}

/** Returns the pods that a system starts in a minute, from the first that runs to the last. */
export function podsPerMinute(system: System, { x, values }: Sample): number | undefined {
  const [first, all] = [values[`${system}FirstSeconds`], values[`${system}AllSeconds`]];
  const running = values[`${system}FirstRunning`];
  if (first === undefined || all === undefined || running === undefined || all <= first)
    return undefined;
  return ((x - OTHERS - running) / (all - first)) * 60;
}

/** Returns what each pod adds to the memory in use, against the same system with the fewest pods. */
export function memoryPerPod(
  system: System,
  { x, values }: Sample,
  all: readonly Sample[],
): number | undefined {
  const name = `${system}UsedKiB`;
  const base = all.find((sample) => sample.values[name] !== undefined);
  const used = values[name];
  if (base === undefined || used === undefined || base.x >= x) return undefined;
  return (used - (base.values[name] ?? 0)) / (x - base.x) / 1024;
}

const VIEW: View = {
  title: 'Many pods, against Debian with the same kubelet',
  x: { title: 'pods on the node', kind: 'linear' },
  panels: [
    {
      title: 'pods started a minute, at 1 GIPS',
      lines: SYSTEMS.map((system) => ({
        name: TITLES[system],
        valueOf: (sample) => podsPerMinute(system, sample),
      })),
    },
    {
      title: 'MiB a pod',
      lines: SYSTEMS.map((system) => ({
        name: TITLES[system],
        valueOf: (sample, all) => memoryPerPod(system, sample, all),
      })),
    },
  ],
};

/** How fast a node starts many pods, and what memory each takes, beside the base line. */
export const densitySeries = (rig: Rig): Series => ({
  view: VIEW,
  steps: COUNTS.flatMap((count) =>
    SYSTEMS.map((system) => ({
      key: `${count} pods on ${TITLES[system]}`,
      measure: () => measureDensity(rig, system, count),
    })),
  ),
});

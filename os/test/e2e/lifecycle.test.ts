import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { imageName } from '../../src/build/shipped.ts';
import { KIOS } from '../../src/build/versions.ts';
import { takeTurns, type TurnOptions } from '../../src/fleet/turns.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { type ControlPlane, startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { WORKSTATION_SEEN_BY_GUEST } from '../../src/lab/controlplane/layout.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { labMachine, NODE_ADDRESS } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { configure } from '../../src/media/configure/configure.ts';
import { publish } from '../../src/publish/publish.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { repository } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { writeNodeDocument } from '../support/node-document.ts';
import {
  PASSWORD,
  startDistribution,
  type TestRegistry,
  USER,
} from '../support/publish/registries.ts';
import { login } from '../support/publish/run-publish.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const TURN_MS = 30 * 60_000;
const STOP_MS = 300_000;
/** An emulated node pulls and unpacks the agent's image in minutes. */
const PULL_S = 900;
const NODE = 'by-request';
const MANIFEST = path.join(repository, 'examples/lifecycle/lifecycle.yaml');

const Node = v.object({
  metadata: v.object({ annotations: v.record(v.string(), v.string()) }),
  spec: v.object({ unschedulable: v.optional(v.boolean(), false) }),
  status: v.object({ nodeInfo: v.object({ bootID: v.string() }) }),
});

/** A workload that its budget allows nobody to evict, on the only node that there is. */
const WORKLOAD = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          automountServiceAccountToken: false,
          containers: [{ name: 'web', image: imageName('pause'), imagePullPolicy: 'Never' }],
        },
      },
    },
  },
  {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web' },
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
  },
];

await describeRecorded('lifecycle', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  const { signal } = new AbortController();
  const machine = labMachine();
  let home: string;
  let registry: TestRegistry;
  let plane: ControlPlane;
  let kubectl: Kubectl;
  let node: BootedNode;

  const context = (undo: AsyncDisposableStack) => ({ progress, signal, undo, print: () => {} });

  /** Publishes what was built, as a user does. Returns the agent's image as the guest pulls it. */
  async function publishBuild(): Promise<string> {
    await login(path.join(home, 'docker'), registry.host);
    vi.stubEnv('DOCKER_CONFIG', path.join(home, 'docker'));
    await using undo = new AsyncDisposableStack();
    const { images } = await publish(context(undo), {
      to: `${registry.host}/kios`,
      tag: KIOS,
      arches: ['amd64'],
      pin: undefined,
      signKey: undefined,
      ca: registry.ca?.file,
    });
    const agent = images.find(({ name }) => name === 'lifecycle');
    const port = new URL(registry.url).port;
    return `${WORKSTATION_SEEN_BY_GUEST}:${port}/kios/lifecycle@${agent?.digest}`;
  }

  async function configureMedium(port: number): Promise<void> {
    const entry = { caBundle: registry.ca?.pem, username: USER, password: PASSWORD };
    const registries = { [`${WORKSTATION_SEEN_BY_GUEST}:${port}`]: entry };
    const file = await writeNodeDocument(home, plane, NODE, registries);
    await using undo = new AsyncDisposableStack();
    const wanted = { bootstrap: file };
    const target = machine.file('disk');
    await configure(context(undo), { target, wanted, show: false, json: false });
  }

  async function boot(): Promise<void> {
    node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      workstationPorts: [plane.apiPort, Number(new URL(registry.url).port)],
    });
    await plane.setNodeForward(NODE_ADDRESS, node.running.kubeletPort);
    await waitReady(node, kubectl, NODE, AbortSignal.timeout(BUILD_AND_BOOT_MS));
  }

  const readNode = async (): Promise<v.InferOutput<typeof Node>> =>
    v.parse(Node, await kubectl.get('node', NODE));

  async function apply(name: string, text: string): Promise<void> {
    const file = path.join(home, name);
    await writeFile(file, text);
    await kubectl.call(['apply', '-f', file]);
  }

  async function turn(changes: Partial<TurnOptions>): Promise<void> {
    await using undo = new AsyncDisposableStack();
    await takeTurns(context(undo), {
      action: 'reboot',
      kubeconfig: plane.adminKubeconfig,
      nodes: [NODE],
      maxUnavailable: 1,
      waitSeconds: 600,
      drainSeconds: 300,
      bootSeconds: 1200,
      force: false,
      wait: true,
      json: false,
      ...changes,
    });
  }

  const rollOut = (what: string, namespace = 'default'): Promise<string> =>
    kubectl.wait(['-n', namespace, 'rollout', 'status', what], PULL_S);

  beforeAll(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'kios-lifecycle-'));
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], progress);
    const { image } = await buildImage({ arch: 'amd64', progress });
    registry = await startDistribution(path.join(home, 'registry'), [WORKSTATION_SEEN_BY_GUEST]);
    const agent = await publishBuild();
    plane = await startControlPlane({ progress });
    kubectl = await Kubectl.open(plane.adminKubeconfig);
    await machine.create(image);
    await configureMedium(Number(new URL(registry.url).port));
    await boot();
    const manifest = await readFile(MANIFEST, 'utf8');
    await apply('lifecycle.yaml', manifest.replace(/image: \S+\/lifecycle:\S+/, `image: ${agent}`));
    await apply(
      'workload.json',
      JSON.stringify({ kind: 'List', apiVersion: 'v1', items: WORKLOAD }),
    );
    await rollOut('daemonset/kios-lifecycle', 'kube-system');
    await rollOut('deployment/web');
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await down(silent, { purge: true });
    await registry?.[Symbol.asyncDispose]();
    vi.unstubAllEnvs();
    if (home !== undefined) await rm(home, { recursive: true, force: true });
  }, 120_000);

  it(
    'stays up, and is uncordoned, when a disruption budget holds a pod',
    { timeout: TURN_MS },
    async () => {
      const before = await readNode();
      await expect(turn({ drainSeconds: 15 })).rejects.toMatchObject({
        code: 'KIOS_TURN_FAILED',
        message: expect.stringMatching(/a disruption budget holds default\/web-/) as unknown,
      });
      const { spec, status } = await readNode();
      expect(spec.unschedulable).toBe(false);
      expect(status.nodeInfo.bootID).toBe(before.status.nodeInfo.bootID);
      await rollOut('deployment/web');
    },
  );

  it('reboots in an orderly way, and takes pods again', { timeout: TURN_MS }, async () => {
    const before = await readNode();
    await kubectl.call(['delete', 'poddisruptionbudget', 'web']);
    const stopped = node.console.expect(
      'the orderly stop',
      ({ agent, ev, fields }) =>
        agent === 'init' && ev === 'shutdown.start' && fields['action'] === 'reboot',
      TURN_MS,
    );
    await Promise.all([turn({}), stopped]);
    const { spec, status, metadata } = await readNode();
    expect(status.nodeInfo.bootID).not.toBe(before.status.nodeInfo.bootID);
    expect(spec.unschedulable).toBe(false);
    expect(metadata.annotations).not.toHaveProperty(['kios.dev/reboot']);
    expect(JSON.parse(metadata.annotations['kios.dev/turn'] ?? '')).toMatchObject({
      phase: 'done',
      bootId: status.nodeInfo.bootID,
    });
    await rollOut('deployment/web');
    await rollOut('daemonset/kios-lifecycle', 'kube-system');
  });

  it('powers off, and is uncordoned when it is switched on', { timeout: TURN_MS }, async () => {
    await turn({ action: 'poweroff' });
    await vi.waitFor(async () => expect(await machine.running()).toBeUndefined(), {
      timeout: STOP_MS,
      interval: 500,
    });
    expect((await readNode()).spec.unschedulable).toBe(true);
    node.console[Symbol.dispose]();
    await boot();
    await vi.waitFor(async () => expect((await readNode()).spec.unschedulable).toBe(false), {
      timeout: 600_000,
      interval: 500,
    });
    await rollOut('deployment/web');
  });
});

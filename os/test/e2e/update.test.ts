import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { artefactsIn } from '../../src/build/image/artefacts.ts';
import { buildImage } from '../../src/build/image/build-image.ts';
import { imageName } from '../../src/build/shipped.ts';
import { upgrade } from '../../src/fleet/upgrade.ts';
import { type ControlPlane, startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { WORKSTATION_SEEN_BY_GUEST } from '../../src/lab/controlplane/layout.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { publish } from '../../src/publish/publish.ts';
import type { CommandContext } from '../../src/workstation/command-context.ts';
import { fileSha256 } from '../../src/workstation/digest.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { distDir, repository } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { Fleet, fleetNames, recordingOf } from '../support/fleet.ts';
import {
  PASSWORD,
  startDistribution,
  type TestRegistry,
  USER,
} from '../support/publish/registries.ts';
import { login } from '../support/publish/run-publish.ts';
import { describeRecorded } from '../support/recorded.ts';
import { SlotMachine } from '../support/slots.ts';
import { copyBuild } from '../support/systems.ts';
import { type Cuts, expectWholeInEachState } from '../support/update-cuts.ts';
import { type LoggedWrite, readWriteLog } from '../support/write-log.ts';

const BUILD_AND_BOOT_MS = 90 * 60_000;
const ROLL_OUT_MS = 90 * 60_000;
/** Emulated nodes pull and unpack the agents' images in minutes. */
const PULL_S = 1800;
const STALL_SECONDS = 3600;
const CUTS_MS = 60 * 60_000;
const START_MS = 5 * 60_000;
/** What agents do on their own follows the end of the command by minutes, under emulation. */
const SETTLED = { timeout: 600_000, interval: 1000 };
/** So long after a node was unready of itself, its pods are available again. */
const CALM_MS = 60_000;

const NODES = fleetNames(3);
/** Of the workload's three pods, so many must run at any time. */
const AVAILABLE = 2;

/** Systems besides the one that the nodes begin with: words of their kernel's command line. */
const SYSTEMS = { next: 'loglevel=3', bad: 'rdinit=/nothing' } as const;

const Node = v.object({
  metadata: v.object({
    name: v.string(),
    annotations: v.optional(v.record(v.string(), v.string()), {}),
  }),
  spec: v.object({ unschedulable: v.optional(v.boolean(), false) }),
  status: v.object({
    nodeInfo: v.object({ bootID: v.string() }),
    conditions: v.array(
      v.object({ type: v.string(), status: v.string(), reason: v.string(), message: v.string() }),
    ),
  }),
});
type Node = v.InferOutput<typeof Node>;

const Update = v.pipe(
  v.string(),
  v.parseJson(),
  v.looseObject({ state: v.string(), running: v.optional(v.string()) }),
);

const WORKLOAD = [
  {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    spec: {
      replicas: AVAILABLE + 1,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          automountServiceAccountToken: false,
          containers: [{ name: 'web', image: imageName('pause'), imagePullPolicy: 'Never' }],
          topologySpreadConstraints: [
            {
              maxSkew: 1,
              topologyKey: 'kubernetes.io/hostname',
              whenUnsatisfiable: 'ScheduleAnyway',
              labelSelector: { matchLabels: { app: 'web' } },
            },
          ],
        },
      },
    },
  },
  {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web' },
    spec: { minAvailable: AVAILABLE, selector: { matchLabels: { app: 'web' } } },
  },
];

const isReady = ({ status }: Node): boolean =>
  status.conditions.find(({ type }) => type === 'Ready')?.status === 'True';

/** Says what is wrong in a fleet that is updated one node after the other, look by look. */
class Watch {
  readonly wrong: string[] = [];
  /** Since when no node has been unready of itself, as one that the emulator starves. */
  #calmSince = Date.now();

  look(nodes: readonly Node[], available: number): void {
    const away = nodes.filter(({ spec }) => spec.unschedulable);
    const names = away.map(({ metadata }) => metadata.name).join(', ');
    if (away.length > 1) this.wrong.push(`${names} are cordoned`);
    if (nodes.some((node) => !away.includes(node) && !isReady(node))) this.#calmSince = Date.now();
    const isCalm = Date.now() - this.#calmSince > CALM_MS;
    if (isCalm && available < AVAILABLE) this.wrong.push(`${available} pods run; away: ${names}`);
  }
}

const updateOf = ({ metadata }: Node): v.InferOutput<typeof Update> =>
  v.parse(Update, metadata.annotations['kios.dev/update']);

// A fleet under a workload gets a new system, and then one that does not start.
await describeRecorded('update', () => {
  const context: CommandContext = {
    progress: progressOn({ write: (text) => process.stdout.write(text) }),
    signal: new AbortController().signal,
    undo: new AsyncDisposableStack(),
    print: () => {},
  };
  let home: string;
  let registry: TestRegistry;
  let plane: ControlPlane;
  let kubectl: Kubectl;
  let fleet: Fleet | undefined;
  let writes: readonly LoggedWrite[];
  let cuts: Cuts;
  const references = new Map<string, string>();
  /** The digest of each published system's EFI file. */
  const digests = new Map<string, string>();

  const seenByNodes = (): string => `${WORKSTATION_SEEN_BY_GUEST}:${new URL(registry.url).port}`;

  /** Publishes a build under a tag, as a user does, and notes its images as the nodes pull them. */
  async function publishBuild(tag: string, dist: string): Promise<void> {
    await using undo = new AsyncDisposableStack();
    const { images } = await publish(
      { ...context, undo },
      {
        to: `${registry.host}/kios`,
        tag,
        arches: ['amd64'],
        pin: undefined,
        signKey: undefined,
        ca: registry.ca?.file,
        distOf: () => dist,
        scratch: path.join(home, 'publish'),
      },
    );
    digests.set(tag, await fileSha256(artefactsIn(dist).efi));
    for (const { name, digest } of images)
      references.set(`${name}:${tag}`, `${seenByNodes()}/kios/${name}@${digest}`);
  }

  const reference = (name: string): string => {
    const found = references.get(name);
    if (found === undefined) throw new Error(`${name} is not published`);
    return found;
  };

  async function apply(name: string, text: string): Promise<void> {
    const file = path.join(home, name);
    await writeFile(file, text);
    await kubectl.call(['apply', '-f', file]);
  }

  /** Installs the agents as docs/update.md says. */
  async function installAgents(): Promise<void> {
    for (const name of ['lifecycle', 'update']) {
      const file = path.join(repository, 'examples', name, `${name}.yaml`);
      const manifest = await readFile(file, 'utf8');
      await apply(
        `${name}.yaml`,
        manifest
          .replaceAll(/image: \S+\/lifecycle:\S+/g, `image: ${reference('lifecycle:first')}`)
          .replaceAll(/image: \S+\/update:\S+/g, `image: ${reference('update:first')}`)
          .replaceAll(/reference: \S+\/os:\S+/g, `reference: ${reference('os:first')}`),
      );
    }
  }

  async function readNodes(): Promise<Node[]> {
    const list = v.object({ items: v.array(Node) });
    return v.parse(list, await kubectl.get('nodes')).items;
  }

  const rollOut = (what: string, namespace = 'default'): Promise<string> =>
    kubectl.wait(['-n', namespace, 'rollout', 'status', what], PULL_S);

  async function order(image: string): Promise<void> {
    await using undo = new AsyncDisposableStack();
    await upgrade(
      { ...context, undo },
      {
        kubeconfig: plane.adminKubeconfig,
        image,
        nodes: [],
        maxUnavailable: 1,
        stallSeconds: STALL_SECONDS,
        wait: true,
        json: false,
      },
    );
  }

  beforeAll(async () => {
    home = await mkdtemp(path.join(tmpdir(), 'kios-update-'));
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine'], context.progress);
    const { image } = await buildImage({ arch: 'amd64', progress: context.progress });
    registry = await startDistribution(path.join(home, 'registry'), [WORKSTATION_SEEN_BY_GUEST]);
    await login(path.join(home, 'docker'), registry.host);
    vi.stubEnv('DOCKER_CONFIG', path.join(home, 'docker'));
    await publishBuild('first', distDir('amd64'));
    for (const [tag, words] of Object.entries(SYSTEMS)) {
      const dist = path.join(home, tag);
      await copyBuild(distDir('amd64'), dist, words);
      await publishBuild(tag, dist);
    }
    plane = await startControlPlane({ progress: context.progress });
    kubectl = await Kubectl.open(plane.adminKubeconfig);
    const entry = { caBundle: registry.ca?.pem, username: USER, password: PASSWORD };
    fleet = await Fleet.start(NODES, {
      context,
      plane,
      kubectl,
      image,
      ports: [Number(new URL(registry.url).port)],
      registries: { [seenByNodes()]: entry },
      folder: home,
      recorded: NODES[0]!,
    });
    await apply(
      'workload.json',
      JSON.stringify({ kind: 'List', apiVersion: 'v1', items: WORKLOAD }),
    );
    await installAgents();
    await rollOut('daemonset/kios-lifecycle', 'kube-system');
    await rollOut('daemonset/kios-update', 'kube-system');
    await rollOut('deployment/web');
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    await fleet?.[Symbol.asyncDispose]();
    await context.undo.disposeAsync();
    await down(silent, { purge: true });
    await registry?.[Symbol.asyncDispose]();
    vi.unstubAllEnvs();
    if (home !== undefined) await rm(home, { recursive: true, force: true });
  }, 120_000);

  it('leaves nodes alone that run what is ordered', { timeout: ROLL_OUT_MS }, async () => {
    const before = await readNodes();
    await order(reference('os:first'));
    const after = await readNodes();
    expect(after.map((node) => updateOf(node).state)).toEqual(NODES.map(() => 'current'));
    expect(after.map(({ status }) => status.nodeInfo.bootID)).toEqual(
      before.map(({ status }) => status.nodeInfo.bootID),
    );
  });

  it('updates one node after the other, under a workload', { timeout: ROLL_OUT_MS }, async () => {
    const before = await readNodes();
    const over = new AbortController();
    const ordered = order(reference('os:next')).finally(() => over.abort());
    const watch = new Watch();
    while (!over.signal.aborted) {
      const available = await kubectl.call(['get', 'deployment', 'web', '-o', 'jsonpath={.status.availableReplicas}']); // prettier-ignore
      watch.look(await readNodes(), Number(available));
      await sleep(1000);
    }
    await ordered;
    expect(watch.wrong).toEqual([]);
    // The command ends with the last node's new system, after which another agent has the node used again.
    await vi.waitFor(async () => {
      const now = await readNodes();
      expect(now.filter(({ spec }) => spec.unschedulable)).toEqual([]);
    }, SETTLED);
    const after = await readNodes();
    for (const node of after) {
      expect(updateOf(node)).toMatchObject({ state: 'current', running: digests.get('next') });
      expect(before.map(({ status }) => status.nodeInfo.bootID)).not.toContain(node.status.nodeInfo.bootID); // prettier-ignore
    }
    writes = await readWriteLog(recordingOf(NODES[0]!).log);
  });

  it('stops at the first node that comes back', { timeout: ROLL_OUT_MS }, async () => {
    const before = await readNodes();
    await expect(order(reference('os:bad'))).rejects.toMatchObject({
      code: 'KIOS_UPGRADE_FAILED',
    });
    const after = await readNodes();
    const failed = after.filter((node) => updateOf(node).state === 'failed');
    expect(failed).toHaveLength(1);
    expect(updateOf(failed[0]!)).toMatchObject({ running: digests.get('next') });
    await vi.waitFor(async () => {
      const now = await readNodes();
      expect(now.some(({ spec }) => spec.unschedulable)).toBe(false);
      const node = now.find(({ metadata }) => metadata.name === failed[0]!.metadata.name);
      const told = node?.status.conditions.find(({ type }) => type === 'KiosUpdate');
      expect(told).toMatchObject({ status: 'False', reason: 'CameBack' });
      expect(told?.message).toContain('KIOS_FAULT_UPDATE');
      const events = await kubectl.call(['get', 'events', '-A', '-o', 'jsonpath={.items[*].reason}']); // prettier-ignore
      expect(events).toContain('CameBack');
    }, SETTLED);
    // The others may still have got the new system onto their media when the first one failed.
    await vi.waitFor(async () => {
      const states = (await readNodes()).map((node) => updateOf(node).state);
      expect(states.toSorted()).toEqual(['failed', ...NODES.slice(1).map(() => 'staged')]);
    }, SETTLED);
    for (const node of (await readNodes()).filter(
      ({ metadata }) => metadata.name !== failed[0]!.metadata.name,
    )) {
      const same = before.find(({ metadata }) => metadata.name === node.metadata.name);
      expect(node.status.nodeInfo.bootID).toBe(same?.status.nodeInfo.bootID);
    }
  });

  it('leaves a whole medium, whenever the power goes', { timeout: CUTS_MS }, async () => {
    await fleet?.[Symbol.asyncDispose]();
    const { before, log } = recordingOf(NODES[0]!);
    const systems = new Map(['first', 'next'].map((tag, at) => [at + 1, digests.get(tag)!]));
    cuts = await expectWholeInEachState({ disk: before, log, writes, systems, folder: home });
    expect(cuts.states).toBeGreaterThan(200);
    context.progress.info(`${cuts.states} states of the medium in an update`);
  });

  it('leaves a medium that starts, whenever the power goes', { timeout: CUTS_MS }, async () => {
    const machine = new SlotMachine(artefactsIn(distDir('amd64')).image);
    const running: number[] = [];
    for (const { part } of cuts.kinds) {
      await machine.flashPart(part);
      running.push(await machine.generationThatRuns(START_MS));
    }
    expect(running).toEqual(cuts.kinds.map(({ generations }) => Math.max(...generations)));
    expect(new Set(running)).toEqual(new Set([1, 2]));
    context.progress.info(`started from ${running.length} kinds of states: ${running.join(', ')}`);
  });
});

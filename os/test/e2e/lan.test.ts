import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { buildImage } from '../../src/build/image/build-image.ts';
import { openToolroot } from '../../src/build/sources/debian/toolroot.ts';
import { runOnHost, startOnHost } from '../../src/checks/acceptance/debug-pod.ts';
import { createGuest, deleteGuest } from '../../src/checks/acceptance/guest-pod.ts';
import { scriptCommand } from '../../src/checks/acceptance/guest-program.ts';
import { nextEvent } from '../../src/checks/acceptance/next-event.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { type ControlPlane, startControlPlane } from '../../src/lab/controlplane/controlplane.ts';
import { down } from '../../src/lab/down.ts';
import { Kubectl } from '../../src/lab/kubectl.ts';
import { labMachine, machineDir, NODE_ADDRESS } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import { Machine } from '../../src/lab/qemu/machine.ts';
import { seedFor } from '../../src/lab/seed-document.ts';
import { configure } from '../../src/media/configure/configure.ts';
import { Partition } from '../../src/media/configure/partition.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { commandFor, KILL_DHCP, LOOK, PORT, servingPod } from '../support/lan/programs.ts';
import { nameOf, Segment, urlOf } from '../support/lan/segment.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const BOOT_MS = 10 * 60_000;
const STEP_MS = 4 * 60_000;
const KUBELET = 10250;
const SHUTDOWN = '/run/kios/control/shutdown.sock';
const ORDER_REBOOT = 0x06;

const NODE = { name: 'on-the-lan', mac: '52:54:00:77:00:15', address: NODE_ADDRESS };
/** A machine beside it, which joins no cluster. */
const SECOND = { name: 'second', mac: '52:54:00:77:00:20', address: '10.0.2.20' };
const PODS = ['web-0', 'web-1'] as const;
const SERVICE = '10.96.0.80';

const NETWORK = `network:
  version: 2
  ethernets:
    card: {match: {driver: virtio_net}}
  bridges:
    br0: {interfaces: [card], dhcp4: true}
pods: {lan: br0}
`;

const Links = v.record(v.string(), v.array(v.object({ family: v.string(), cidr: v.nullable(v.string()), mac: v.string() }))); // prettier-ignore
const Machines = v.pipe(v.string(), v.parseJson(), v.object({ name: v.string(), boot: v.string(), links: Links })); // prettier-ignore
const HostFacts = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({
    links: Links,
    mac: v.string(),
    ports: v.array(v.tuple([v.string(), v.string()])),
    stp: v.string(),
    forwardDelay: v.string(),
    filtered: v.string(),
  }),
);

/** The address of each link, without those of IPv6. */
const ipv4 = (links: v.InferOutput<typeof Links>): Record<string, string | null> =>
  Object.fromEntries(
    Object.entries(links).flatMap(([name, addresses]) =>
      addresses.flatMap(({ family, cidr }) => (family === 'IPv4' ? [[name, cidr]] : [])),
    ),
  );

const isCi = process.env['CI'] === 'true';
if (!isCi) process.stderr.write('skipped: a node with pods on the LAN; CI=true boots it\n');

describe.skipIf(!isCi)('a node whose pods are on the LAN', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  const second = new Machine(machineDir(SECOND.name));
  let segment: Segment;
  let plane: ControlPlane;
  let kubectl: Kubectl;
  let node: BootedNode;
  let dir: string;
  const addresses = new Map<string, string>();

  beforeAll(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'kios-lan-'));
    await down(silent, { purge: true });
    await ensurePackages(['build', 'machine', 'netns'], progress);
    const { image } = await buildImage({ arch: 'amd64', progress });
    segment = await Segment.open([NODE, SECOND]);
    plane = await startControlPlane({ progress });
    kubectl = await Kubectl.open(plane.adminKubeconfig);
    await segment.border.offer(plane.apiPort);
    await bootSecond(image);
    const machine = labMachine();
    await machine.create(image);
    await configureDisk(machine.file('disk'));
    node = await start(machine, NODE.mac, 2048);
    await plane.setNodeForward(NODE.address, await segment.border.lead(NODE.address, KUBELET));
    await waitReady(node, kubectl, NODE.name, AbortSignal.timeout(BUILD_AND_BOOT_MS));
    await startPods(PODS);
    for (const name of PODS) addresses.set(name, await addressOf(name));
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await second.stop();
    await down(silent, { purge: true });
    await segment?.[Symbol.asyncDispose]();
    for (const folder of [dir, second.dir]) await rm(folder, { recursive: true, force: true });
  }, 120_000);

  const start = async (machine: Machine, mac: string, memoryMiB: number): Promise<BootedNode> =>
    powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB,
      cpus: 2,
      tap: { device: await segment.border.tap(), mac },
      netns: segment.border.netns.name,
      workstationPorts: [],
    });

  async function bootSecond(image: string): Promise<void> {
    await second.create(image);
    {
      const disk = second.file('disk');
      await using partition = await Partition.open(disk, await openToolroot(silent));
      const pod = JSON.stringify(servingPod('serve'));
      await partition.write('kios/manifests/serve.json', Buffer.from(pod));
    }
    const booted = await start(second, SECOND.mac, 1536);
    booted.console[Symbol.dispose]();
  }

  async function configureDisk(target: string): Promise<void> {
    const bootstrap = path.join(dir, 'node.yaml');
    const network = path.join(dir, 'network.yaml');
    const { 'user-data': text } = seedFor({
      instanceId: 'unused',
      endpoint: plane.endpointForGuest,
      caCertHash: plane.caCertHash,
      token: await plane.createBootstrapToken(),
    });
    await writeFile(bootstrap, text);
    await writeFile(network, NETWORK);
    const { signal } = new AbortController();
    await using undo = new AsyncDisposableStack();
    await configure(
      { progress, signal, undo, print: () => {} },
      { target, wanted: { bootstrap, network, hostname: NODE.name }, show: false, json: false },
    );
  }

  async function startPods(names: readonly string[]): Promise<void> {
    const items = names.map((name) => servingPod(name, NODE.name));
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    await kubectl.call(['create', '-f', '-'], { input: list });
    const pods = names.map((name) => `pod/${name}`);
    await kubectl.call(['wait', '--for=condition=Ready', ...pods, '--timeout=110s']);
  }

  const addressOf = (pod: string): Promise<string> =>
    kubectl.call(['get', 'pod', pod, '-o', 'jsonpath={.status.podIP}']);

  const look = async (): Promise<v.InferOutput<typeof HostFacts>> => {
    const command = commandFor(LOOK);
    return v.parse(HostFacts, await runOnHost(kubectl, { nodeName: NODE.name, command }));
  };

  const given = (pod: (typeof PODS)[number]): string => addresses.get(pod) ?? '';
  const visit = async (url: string, by?: string): Promise<v.InferOutput<typeof Machines>> =>
    v.parse(Machines, await segment.get(url, by));

  /** Waits until each pod replies at its address in a boot that is accepted, and returns its MACs by name. */
  async function expectPods(accept: (boot: string) => boolean = () => true): Promise<void> {
    for (const name of PODS)
      await vi.waitFor(
        async () => {
          const seen = await visit(urlOf(given(name)));
          expect(seen.name).toBe(name);
          expect(accept(seen.boot)).toBe(true);
        },
        { timeout: BOOT_MS, interval: 1000 },
      );
  }

  const macOf = (pod: string): string => {
    const source = [plane.endpointForGuest, 'default', pod, 'eth0'].join('\0');
    const digest = createHash('sha256').update(source).digest('hex').slice(0, 10);
    return `02${digest}`.replaceAll(/..(?!$)/g, '$&:');
  };

  /** Returns messages with which a lease is begun anew or given up, of the pods. */
  const upsets = (lines: readonly string[]): string[] =>
    lines.filter(
      (line) =>
        /DHCP(?:DISCOVER|RELEASE|DECLINE|NAK)/.test(line) &&
        PODS.some((name) => line.includes(macOf(name))),
    );

  it('has the lease and the MAC of its card on the bridge', { timeout: STEP_MS }, async () => {
    const { links, mac, ports, stp, forwardDelay, filtered } = await look();
    expect(ipv4(links)).toMatchObject({ br0: `${NODE.address}/24` });
    expect(Object.keys(ipv4(links)).filter((name) => /^e/.test(name))).toEqual([]);
    expect(mac).toBe(NODE.mac);
    expect(ports.filter((port) => port[1] === NODE.mac)).toHaveLength(1);
    expect({ stp, forwardDelay, filtered }).toEqual({ stp: '0', forwardDelay: '0', filtered: '0' });
    expect(await kubectl.isReady(NODE.name)).toBe(true);
  });

  it('gives pods addresses of the segment, with the MACs that cni.md computes', async () => {
    for (const name of PODS) {
      const { links } = await visit(urlOf(given(name)));
      expect(given(name)).toMatch(/^10\.0\.2\.1\d\d$/);
      expect(links['eth0']?.[0]).toMatchObject({ cidr: `${given(name)}/24`, mac: macOf(name) });
    }
  });

  it(
    'lets pods and other machines of the segment reach each other',
    { timeout: BOOT_MS },
    async () => {
      await vi.waitFor(
      async () => expect((await visit(urlOf(SECOND.address))).links).toHaveProperty('eth0'),
      { timeout: BOOT_MS, interval: 1000 },
    ); // prettier-ignore
      const [web0, web1] = [given('web-0'), given('web-1')];
      const { boot } = await visit(urlOf(SECOND.address));
      expect((await visit(urlOf(web0), SECOND.address)).name).toBe('web-0');
      expect((await visit(urlOf(nameOf(SECOND)), web0)).boot).toBe(boot);
      expect((await visit(segment.neighbourUrl, web0)).name).not.toBe('web-0');
      expect((await visit(urlOf(nameOf({ name: 'web-1' })), web0)).name).toBe('web-1');
      expect((await visit(urlOf(web0), web1)).name).toBe('web-0');
    },
  );

  it(
    'lets pods reach a Service, also one whose endpoint they are',
    { timeout: STEP_MS },
    async () => {
      const service = {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'web', namespace: 'default' },
        spec: { clusterIP: SERVICE, selector: { app: 'web-1' }, ports: [{ port: PORT }] },
      };
      await kubectl.call(['create', '-f', '-'], { input: JSON.stringify(service) });
      const name = 'translate';
      const args = ['service', SERVICE, given('web-1')];
      await createGuest(kubectl, { name, nodeName: NODE.name, args, privileged: { hostNetwork: true } }); // prettier-ignore
      const done = '--for=jsonpath={.status.phase}=Succeeded';
      await kubectl.call(['wait', done, `pod/${name}`, '--timeout=110s']);
      await deleteGuest(kubectl, name);
      for (const from of ['web-0', 'web-0', 'web-1'] as const)
        expect((await visit(urlOf(SERVICE), given(from))).name).toBe('web-1');
    },
  );

  it('keeps the address of the host while pods come and go', { timeout: BOOT_MS }, async () => {
    const lines = segment.follow();
    const before = await look();
    const names = ['passing-0', 'passing-1', 'passing-2'];
    await startPods(names);
    await kubectl.call(['delete', 'pod', ...names, '--timeout=110s']);
    const after = await look();
    expect([after.mac, ipv4(after.links)['br0']]).toEqual([before.mac, ipv4(before.links)['br0']]);
    expect(lines().filter((line) => /DISCOVER|NAK/.test(line) && line.includes(NODE.mac))).toEqual([]); // prettier-ignore
    expect(lines().filter((line) => line.includes('DHCPRELEASE'))).toHaveLength(names.length);
  });

  it('keeps the addresses of pods when the agent is killed', { timeout: BOOT_MS }, async () => {
    const lines = segment.follow();
    const back = nextEvent(node.console, 'dhcp', 'pods.serve');
    const command = commandFor(KILL_DHCP);
    await runOnHost(kubectl, { nodeName: NODE.name, command, capabilities: ['KILL'] });
    await back(STEP_MS);
    await Promise.all(PODS.map((name) => segment.renewal(given(name))));
    await expectPods();
    for (const name of PODS) expect(await addressOf(name)).toBe(given(name));
    expect(upsets(lines())).toEqual([]);
  });

  it('has the same addresses for its pods after a reboot', { timeout: 3 * BOOT_MS }, async () => {
    const lines = segment.follow();
    const { boot } = await visit(urlOf(given('web-0')));
    const rebooted = nextEvent(node.console, 'init', 'init.start');
    const command = await scriptCommand('power', { socket: SHUTDOWN, order: ORDER_REBOOT });
    await startOnHost(kubectl, { nodeName: NODE.name, command, sockets: [SHUTDOWN] });
    await rebooted(BOOT_MS);
    await expectPods((now) => now !== boot);
    expect(upsets(lines())).toEqual([]);
    await vi.waitFor(async () => expect(await kubectl.isReady(NODE.name)).toBe(true), { timeout: BOOT_MS, interval: 1000 }); // prettier-ignore
    for (const name of PODS) expect(await addressOf(name)).toBe(given(name));
  });
});

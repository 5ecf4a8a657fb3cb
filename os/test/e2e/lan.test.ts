import { createHash } from 'node:crypto';

import * as v from 'valibot';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { createGuest, deleteGuest } from '../../src/checks/acceptance/guest-pod.ts';
import { nextEvent } from '../../src/checks/acceptance/next-event.ts';
import { runOnHost, startOnHost } from '../../src/lab/debug-pod.ts';
import { scriptCommand } from '../../src/lab/guest-program.ts';
import { MACHINE_FILES } from '../../src/lab/qemu/arguments.ts';
import { qmp } from '../../src/lab/qemu/qmp.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { commandFor, KILL_DHCP, LOOK, PORT } from '../support/lan/programs.ts';
import { BridgeFacts, ipv4, Server } from '../support/lan/replies.ts';
import { LanScene, NODE, SECOND } from '../support/lan/scene.ts';
import { nameOf, NEIGHBOUR, type Segment, urlOf } from '../support/lan/segment.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const BOOT_MS = 10 * 60_000;
const STEP_MS = 12 * 60_000;
const SHUTDOWN = '/run/kios/control/shutdown.sock';
const ORDER_REBOOT = 0x06;

const PODS = ['web-0', 'web-1'] as const;
/** An address in the cluster's network of Services. */
const SERVICE = '10.96.0.80';

await describeRecorded('lan', () => {
  let scene: LanScene;
  let segment: Segment;
  const addresses = new Map<string, string>();

  beforeAll(async () => {
    const progress = progressOn({ write: (text) => process.stdout.write(text) });
    scene = await LanScene.open(progress, AbortSignal.timeout(BUILD_AND_BOOT_MS));
    ({ segment } = scene);
    await scene.startPods(PODS);
    for (const name of PODS) addresses.set(name, await scene.addressOf(name));
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    await scene?.[Symbol.asyncDispose]();
  }, 120_000);

  const given = (pod: (typeof PODS)[number]): string => addresses.get(pod) ?? '';
  /** Returns whom the neighbour finds at a URL, or a machine that it asks. */
  const visit = async (url: string, by?: string): Promise<Server> =>
    v.parse(Server, await segment.get(url, by));
  const onNode = async (program: string): Promise<string> => {
    const pod = { nodeName: NODE.name, command: commandFor(program), capabilities: ['KILL'] };
    return runOnHost(scene.kubectl, pod);
  };
  const look = async (): Promise<BridgeFacts> => v.parse(BridgeFacts, await onNode(LOOK));

  /** As docs/cni.md computes it. */
  const macOf = (pod: string): string => {
    const source = [scene.plane.endpointForGuest, 'default', pod, 'eth0'].join('\0');
    const digest = createHash('sha256').update(source).digest('hex').slice(0, 10);
    return `02${digest}`.replaceAll(/..(?!$)/g, '$&:');
  };

  const eventually = (check: () => Promise<void>): Promise<void> =>
    vi.waitFor(check, { timeout: BOOT_MS, interval: 1000 });

  /** Waits until each pod replies at its address, in a boot that is accepted. */
  async function expectPods(accept: (boot: string) => boolean = () => true): Promise<void> {
    for (const name of PODS)
      await eventually(async () => {
        const seen = await visit(urlOf(given(name)));
        expect([seen.name, accept(seen.boot)]).toEqual([name, true]);
      });
  }

  /** Returns messages by which a lease of the pods is begun anew or given up. */
  const upsets = (lines: readonly string[]): string[] =>
    lines.filter(
      (line) =>
        /DHCP(?:DISCOVER|RELEASE|DECLINE|NAK)/.test(line) &&
        PODS.some((name) => line.includes(macOf(name))),
    );

  it('has the lease and the MAC of its card on the bridge', { timeout: STEP_MS }, async () => {
    const { links, mac, ports, stp, forwardDelay, filtered } = await look();
    expect(Object.entries(ipv4(links)).filter(([name]) => name !== 'lo')).toEqual([
      ['br0', `${NODE.address}/24`],
    ]);
    expect(mac).toBe(NODE.mac);
    expect(ports.filter(([, port]) => port === NODE.mac)).toHaveLength(1);
    expect({ stp, forwardDelay, filtered }).toEqual({ stp: '0', forwardDelay: '0', filtered: '0' });
    expect(await scene.kubectl.isReady(NODE.name)).toBe(true);
  });

  it('gives pods addresses of the segment and computed MACs', { timeout: STEP_MS }, async () => {
    for (const name of PODS) {
      expect(given(name)).toMatch(/^10\.0\.2\.1\d\d$/);
      const { links } = await visit(urlOf(given(name)));
      const [first] = links['eth0'] ?? [];
      expect(first).toEqual({ family: 'IPv4', cidr: `${given(name)}/24`, mac: macOf(name) });
    }
  });

  it('lets pods and other machines reach each other', { timeout: 2 * BOOT_MS }, async () => {
    const [first, second] = [given('web-0'), given('web-1')];
    await eventually(async () => void (await visit(urlOf(SECOND.address))));
    const { boot } = await visit(urlOf(SECOND.address));
    expect(await visit(urlOf(first), SECOND.address)).toMatchObject({ name: 'web-0' });
    expect(await visit(urlOf(nameOf(SECOND)), first)).toMatchObject({ boot });
    const { links } = await visit(urlOf(NEIGHBOUR), first);
    expect(ipv4(links)).toMatchObject({ eth0: `${NEIGHBOUR}/24` });
    expect(await visit(urlOf(nameOf({ name: 'web-1' })), first)).toMatchObject({ name: 'web-1' });
    expect(await visit(urlOf(first), second)).toMatchObject({ name: 'web-0' });
  });

  it('lets pods reach a Service, also one that they are', { timeout: STEP_MS }, async () => {
    const { kubectl } = scene;
    const spec = { clusterIP: SERVICE, selector: { app: 'web-1' }, ports: [{ port: PORT }] };
    const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec };
    await kubectl.call(['create', '-f', '-'], { input: JSON.stringify(service) });
    const name = 'translate';
    const args = ['service', SERVICE, given('web-1')];
    const privileged = { hostNetwork: true } as const;
    await createGuest(kubectl, { name, nodeName: NODE.name, args, privileged });
    const done = '--for=jsonpath={.status.phase}=Succeeded';
    await kubectl.wait(['wait', done, `pod/${name}`]);
    await deleteGuest(kubectl, name);
    for (const from of ['web-0', 'web-0', 'web-1'] as const)
      expect(await visit(urlOf(SERVICE), given(from))).toMatchObject({ name: 'web-1' });
  });

  it('keeps the address of the host while pods come and go', { timeout: BOOT_MS }, async () => {
    const lines = segment.follow();
    const before = await look();
    const names = ['passing-0', 'passing-1', 'passing-2'];
    await scene.startPods(names);
    await scene.kubectl.wait(['delete', 'pod', ...names]);
    const after = await look();
    expect([after.mac, ipv4(after.links)]).toEqual([before.mac, ipv4(before.links)]);
    const ofHost = lines().filter((line) => line.includes(NODE.mac));
    expect(ofHost.filter((line) => /DISCOVER|NAK|DECLINE|RELEASE/.test(line))).toEqual([]);
    expect(lines().filter((line) => line.includes('DHCPRELEASE'))).toHaveLength(names.length);
  });

  it('keeps the addresses of pods when the agent is killed', { timeout: BOOT_MS }, async () => {
    const lines = segment.follow();
    const back = nextEvent(scene.node.console, 'dhcp', 'pods.serve');
    await onNode(KILL_DHCP);
    await back(STEP_MS);
    await Promise.all(PODS.map((name) => segment.renewal(given(name))));
    await expectPods();
    expect(upsets(lines())).toEqual([]);
  });

  async function restarts(cause: () => Promise<unknown>): Promise<void> {
    const started = nextEvent(scene.node.console, 'init', 'init.start');
    await cause();
    await started(BOOT_MS);
  }

  const expectReady = (): Promise<void> =>
    eventually(async () => expect(await scene.kubectl.isReady(NODE.name)).toBe(true));

  /** Waits until the cluster has each pod's address. Kubelet reports it after it has looked at the pod. */
  async function expectReported(): Promise<void> {
    for (const name of PODS)
      await eventually(async () => expect(await scene.addressOf(name)).toBe(given(name)));
  }

  it('keeps the leases of pods over a reset', { timeout: 3 * BOOT_MS }, async () => {
    const lines = segment.follow();
    const { boot } = await visit(urlOf(given('web-0')));
    await restarts(() => qmp(scene.node.machine.dir, MACHINE_FILES.qmp, 'system_reset'));
    await expectPods((now) => now !== boot);
    expect(upsets(lines())).toEqual([]);
    await expectReady();
    await expectReported();
  });

  it('gives pods the same addresses after a stop', { timeout: 3 * BOOT_MS }, async () => {
    const { kubectl } = scene;
    const lines = segment.follow();
    const { boot } = await visit(urlOf(given('web-0')));
    const command = await scriptCommand('power', { socket: SHUTDOWN, order: ORDER_REBOOT });
    await restarts(() =>
      startOnHost(kubectl, { nodeName: NODE.name, command, sockets: [SHUTDOWN] }),
    );
    // Kubelet has ended them for good at the orderly stop, and nobody else makes them again.
    for (const name of PODS)
      await kubectl.wait(['wait', '--for=jsonpath={.status.phase}=Failed', `pod/${name}`]);
    await expectReady();
    await kubectl.wait(['delete', 'pod', ...PODS]);
    await scene.startPods(PODS);
    await expectPods((now) => now !== boot);
    // A lease is given back if the stop leaves the time for it, and is begun anew then.
    expect(upsets(lines()).filter((line) => /DHCP(?:DECLINE|NAK)/.test(line))).toEqual([]);
    await expectReported();
  });
});

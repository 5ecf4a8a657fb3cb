import { readFile } from 'node:fs/promises';

import * as v from 'valibot';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';

import { hostProcesses } from '../../src/checks/acceptance/host.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { bringUp, type UpNode } from '../../src/lab/bring-up.ts';
import { WORKSTATION_SEEN_BY_GUEST as SERVER } from '../../src/lab/controlplane/layout.ts';
import { lookAtHost } from '../../src/lab/debug-pod.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine, NODE_ADDRESS } from '../../src/lab/node.ts';
import { MACHINE_FILES } from '../../src/lab/qemu/arguments.ts';
import type { SeenEvent } from '../../src/lab/qemu/console.ts';
import { qmp } from '../../src/lab/qemu/qmp.ts';
import type { CommandContext } from '../../src/workstation/command-context.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';
import {
  CHANGING_MIND,
  hanging,
  lingeringPod,
  REBOOTING,
  SAYS,
  stoppingPod,
  WRITING,
} from '../support/shutdown/pods.ts';
import { nfsVolume } from '../support/volumes/driver.ts';
import { VolumeServer } from '../support/volumes/server.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const STEP_MS = 15 * 60_000;
/** An emulated node takes its time to start pods. */
const START_MS = 5 * 60_000;
/** All deadlines of docs/host-api.md, section 1, and a slow emulator. */
const STOP_MS = 5 * 60_000;
const CRITICAL = 'system-node-critical';
/** Own grace periods, in seconds. */
const SLOW = { grace: 30, takes: 6 };
const STUBBORN_GRACE = 9;
/** The pod's signal is an emulated container's work. */
const LATE = 5;

const Node = v.object({
  status: v.object({
    conditions: v.array(v.object({ type: v.string(), status: v.string(), message: v.string() })),
  }),
});
const Pod = v.object({ status: v.object({ phase: v.string(), reason: v.optional(v.string()) }) });

await describeRecorded('shutdown', () => {
  const context: CommandContext = {
    progress: progressOn({ write: (text) => process.stdout.write(text) }),
    signal: new AbortController().signal,
    undo: new AsyncDisposableStack(),
    print: () => {},
  };
  let server: VolumeServer;
  let up: UpNode;
  let node: BootedNode;

  const create = (object: string): Promise<string> =>
    up.kubectl.call(['create', '-f', '-'], { input: object });

  /** Returns the first such event after those that were seen before, whenever it is awaited. */
  function after(seen: number, agent: string, ev: string, deadlineMs = STOP_MS) {
    const { console } = node;
    const isNew = (event: SeenEvent): boolean => console.events.indexOf(event) >= seen;
    return console.expect(
      `${ev} of ${agent}`,
      (event) => isNew(event) && event.agent === agent && event.ev === ev,
      deadlineMs,
    );
  }

  const seenSoFar = (): number => node.console.events.length;

  async function startPod(object: string, name: string): Promise<void> {
    const seen = seenSoFar();
    await create(object);
    await after(seen, name, SAYS.ready, START_MS);
  }

  const ready = (): Promise<number> =>
    waitReady(node, up.kubectl, up.nodeName, AbortSignal.timeout(STEP_MS));

  /** Waits for the end of a stop, and returns the outcome of each of its steps. */
  async function stepsAfter(seen: number): Promise<Readonly<Record<string, SeenEvent>>> {
    await after(seen, 'init', 'shutdown.end');
    const steps = node.console.events
      .slice(seen)
      .filter(({ agent, ev }) => agent === 'init' && ev === 'shutdown.step');
    return Object.fromEntries(steps.map((event) => [String(event.fields['step']), event]));
  }

  /** Waits until the node is back after a reboot, and removes the pods of a test. */
  async function back(seen: number): Promise<void> {
    await after(seen, 'init', 'boot.done', START_MS);
    await ready();
    const all = ['delete', 'pods', '-A', '-l', 'test=shutdown', '--force', '--grace-period=0'];
    await up.kubectl.wait(all);
  }

  const condition = async (): Promise<v.InferOutput<typeof Node>['status']['conditions'][0]> => {
    const { status } = v.parse(Node, await up.kubectl.get('node', up.nodeName));
    return status.conditions.find(({ type }) => type === 'Ready')!;
  };

  const phaseOf = async (name: string): Promise<string> => {
    const { status } = v.parse(Pod, await up.kubectl.get('pod', name));
    return `${status.phase} ${status.reason ?? ''}`;
  };

  /** Returns the pods in the order in which kubelet found them ended, or gave up to wait for that on a slow machine. */
  async function endedPods(): Promise<string[]> {
    const log = await readFile(node.machine.file('hostLogs'), 'utf8');
    const ended = log.matchAll(/"Shutdown manager (?:finished|failed) killing pod" pod="([^"]+)"/g);
    return [...ended].map(([, pod = '']) => pod);
  }

  beforeAll(async () => {
    const { progress, undo } = context;
    await down(silent, { purge: true });
    server = undo.use(await VolumeServer.start(progress));
    up = await bringUp(context, labMachine(), {
      memoryMiB: 2048,
      cpus: 2,
      offer: Object.values(server.ports),
      // Kubelet then logs each pod that it has ended.
      extras: { kubelet: { logging: { verbosity: 1 } } },
    });
    ({ node } = up);
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    await context.undo.disposeAsync();
    await down(silent, { purge: true });
  }, 120_000);

  it(
    'ends users’ pods with their own grace periods, then critical ones, dhcp last, and tells the API server',
    { timeout: STEP_MS },
    async () => {
      const { nodeName } = up;
      const slow = { name: 'slow', nodeName, graceSeconds: SLOW.grace, takesMs: SLOW.takes * 1000 };
      const stubborn = { name: 'stubborn', nodeName, graceSeconds: STUBBORN_GRACE, takesMs: 1e6 };
      const critical = { name: 'critical', nodeName, namespace: 'kube-system', priorityClassName: CRITICAL, takesMs: 0 }; // prettier-ignore
      for (const pod of [slow, stubborn, critical]) await startPod(lingeringPod(pod), pod.name);
      const seen = seenSoFar();
      await qmp(node.machine.dir, MACHINE_FILES.qmp, 'system_powerdown');
      await after(seen, 'init', 'power-button.pressed');
      await vi.waitFor(
        async () => {
          const { status, message } = await condition();
          expect(`${status} ${message}`).toMatch(/^False .*node is shutting down/);
        },
        { timeout: STOP_MS, interval: 500 },
      );
      const steps = await stepsAfter(seen);
      const at = async (agent: string, ev: string): Promise<number> =>
        (await after(seen, agent, ev)).up;
      expect((await at('slow', SAYS.gone)) - (await at('slow', SAYS.asked))).toBeGreaterThan(SLOW.takes - 0.5); // prettier-ignore
      const waited = (await at('critical', SAYS.asked)) - (await at('stubborn', SAYS.asked));
      expect(waited).toBeGreaterThan(STUBBORN_GRACE - LATE);
      expect(await at('critical', SAYS.asked)).toBeGreaterThan(await at('slow', SAYS.gone));
      for (const step of ['pods', 'kubelet', 'containers', 'containerd', 'sync', 'unmount'])
        expect(steps[step]?.fields).toMatchObject({ step, outcome: 'done' });
      expect(steps['unmount']?.fields).not.toHaveProperty('cause');
      const ended = await endedPods();
      expect(ended.at(-1)).toBe(`kube-system/dhcp-${nodeName}`);
      expect(ended).toEqual(expect.arrayContaining(['default/slow', 'default/stubborn']));
      for (const name of ['default/slow', 'default/stubborn'])
        expect(ended.indexOf(name)).toBeLessThan(ended.indexOf(`kube-system/chrony-${nodeName}`));
      expect(await phaseOf('slow')).toMatch(/^(?:Failed Terminated|Succeeded )/);
      expect(await phaseOf('stubborn')).toBe('Failed Terminated');
      await vi.waitFor(async () => expect(await node.machine.running()).toBeUndefined(), {
        timeout: 60_000,
        interval: 100,
      });
    },
  );

  it('is Ready again when it is switched on', { timeout: STEP_MS }, async () => {
    node.console[Symbol.dispose]();
    node = await powerOn(up.node.machine, up.boot);
    context.undo.use(node.console);
    await up.controlPlane.setNodeForward(NODE_ADDRESS, node.running.kubeletPort);
    await back(0);
    expect(node.console.events.map(({ ev }) => ev)).not.toContain('data.failed');
  });

  it('runs on when a reboot is called off while pods end', { timeout: STEP_MS }, async () => {
    const { nodeName } = up;
    const holder = { name: 'holder', nodeName, graceSeconds: 50, takesMs: 1e6 };
    await startPod(lingeringPod(holder), holder.name);
    const seen = seenSoFar();
    await create(stoppingPod({ name: 'mind', nodeName, script: CHANGING_MIND }));
    await after(seen, 'init', 'shutdown.start', START_MS);
    await after(seen, 'init', 'shutdown.called-off');
    await after(seen, 'init', 'kubelet.ready', START_MS);
    await ready();
    for (const name of ['dhcp', 'chrony', 'modloader', 'bootstrap'])
      await up.kubectl.wait(['-n', 'kube-system', 'wait', '--for=condition=Ready', `pod/${name}-${nodeName}`]); // prettier-ignore
    const events = node.console.events.slice(seen).map(({ ev }) => ev);
    expect(events).not.toContain('shutdown.end');
    await startPod(lingeringPod({ name: 'later', nodeName, takesMs: 0 }), 'later');
  });

  it('reboots although kubelet hangs', { timeout: STEP_MS }, async () => {
    const facts = await lookAtHost(up.kubectl, up.nodeName);
    const kubelet = hostProcesses(facts).find(({ exe }) => exe === '/bin/kubelet');
    const seen = seenSoFar();
    const script = hanging(kubelet!.pid);
    await create(stoppingPod({ name: 'freeze', nodeName: up.nodeName, script, hostPID: true }));
    await after(seen, 'init', 'shutdown.start', START_MS);
    const steps = await stepsAfter(seen);
    // Where a watchdog restarts kubelet sooner, the new one ends the pods.
    expect(['hung', 'done', 'absent']).toContain(steps['pods']?.fields['outcome']);
    expect(steps['unmount']?.fields).toMatchObject({ outcome: 'done' });
    await back(seen);
  });

  it('reboots although a server of volumes does not reply', { timeout: STEP_MS }, async () => {
    const at = [`port=${server.ports.nfs}`];
    const { objects, source } = nfsVolume('silent', { server: SERVER, path: '/' }, at);
    await create(JSON.stringify(objects));
    const { nodeName } = up;
    await startPod(stoppingPod({ name: 'writer', nodeName, script: WRITING, volume: source }), 'writer'); // prettier-ignore
    await server[Symbol.asyncDispose]();
    const seen = seenSoFar();
    await create(stoppingPod({ name: 'order', nodeName, script: REBOOTING }));
    const start = await after(seen, 'init', 'shutdown.start', START_MS);
    const steps = await stepsAfter(seen);
    expect(steps['sync']?.fields).toMatchObject({ outcome: 'done' });
    const end = await after(seen, 'init', 'shutdown.end');
    context.progress.info(`the stop took ${(end.up - start.up).toFixed(1)} s`);
    expect(end.up - start.up).toBeLessThan(220);
    await back(seen);
    expect(node.console.events.slice(seen).map(({ ev }) => ev)).not.toContain('data.failed');
  });
});

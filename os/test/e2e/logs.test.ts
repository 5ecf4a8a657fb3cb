import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { askLogs } from '../../src/checks/acceptance/logs.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { bringUp, type UpNode } from '../../src/lab/bring-up.ts';
import { down } from '../../src/lab/down.ts';
import { labMachine, NODE_ADDRESS } from '../../src/lab/node.ts';
import { MACHINE_FILES } from '../../src/lab/qemu/arguments.ts';
import { qmp } from '../../src/lab/qemu/qmp.ts';
import type { CommandContext } from '../../src/workstation/command-context.ts';
import { repository } from '../../src/workstation/paths.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { describeRecorded } from '../support/recorded.ts';

const BUILD_AND_BOOT_MS = 70 * 60_000;
const BOOT_MS = 15 * 60_000;
const STEP_MS = 10 * 60_000;
const LOOK = { timeout: 300_000, interval: 1000 } as const;
const STOP_MS = 300_000;

/** What each log has on every node. */
const LOGS = { kernel: 'Linux version ', init: '"ev":"init.start"', containerd: 'containerd', kubelet: 'Kubelet version' }; // prettier-ignore
const CRASH = 'did not end in order';
const MIB = 1024 * 1024;
/** Four copies of a program whose pages are in memory anyway, and what containerd has for a pod. */
const POD_LIMIT = 24 * MIB;

const Summary = v.object({
  pods: v.array(
    v.object({
      podRef: v.object({ name: v.string() }),
      memory: v.optional(v.object({ workingSetBytes: v.optional(v.number()) })),
    }),
  ),
});

await describeRecorded('logs', () => {
  const context: CommandContext = {
    progress: progressOn({ write: (text) => process.stdout.write(text) }),
    signal: new AbortController().signal,
    undo: new AsyncDisposableStack(),
    print: () => {},
  };
  const machine = labMachine();
  let up: UpNode;
  let node: BootedNode;

  const logs = (parameters: Readonly<Record<string, string>>): Promise<string> =>
    askLogs(up.kubectl, up.nodeName, parameters);

  const ofPod = (container: string): Promise<string> =>
    up.kubectl.call(['-n', 'kube-system', 'logs', `node-logs-${up.nodeName}`, '-c', container]);

  /** Powers the machine on again, and waits until the node is Ready in this boot. */
  async function boot(): Promise<void> {
    node = await powerOn(machine, up.boot);
    context.undo.use(node.console);
    await up.controlPlane.setNodeForward(NODE_ADDRESS, node.running.kubeletPort);
    await node.console.expect('kubelet', ({ ev }) => ev === 'kubelet.ready', BOOT_MS);
    await waitReady(node, up.kubectl, up.nodeName, context.signal);
    // Ready may be of the boot before; only the kubelet of this one knows this boot's identifier.
    await expect.poll(() => logs({ query: 'init', boot: '0' }).catch(() => ''), LOOK).toContain('"ev":"boot.done"'); // prettier-ignore
  }

  beforeAll(async () => {
    await down(silent, { purge: true });
    const manifest = path.join(repository, 'examples/node-logs/manifests/node-logs.yaml');
    const files = [
      {
        path: '/etc/kubernetes/manifests/node-logs.yaml',
        content: await readFile(manifest, 'utf8'),
      },
    ];
    up = await bringUp(context, machine, { memoryMiB: 2048, cpus: 2, extras: { files } });
    node = up.node;
  }, BUILD_AND_BOOT_MS);

  afterAll(async () => {
    await context.undo.disposeAsync();
    await down(silent, { purge: true });
  }, 120_000);

  it('are those of a pod, from their first line', { timeout: STEP_MS }, async () => {
    const pod = `pod/node-logs-${up.nodeName}`;
    await expect.poll(() => up.kubectl.call(['-n', 'kube-system', 'get', pod]).catch(() => ''), LOOK).not.toBe(''); // prettier-ignore
    await up.kubectl.wait(['-n', 'kube-system', 'wait', '--for=condition=Ready', pod]);
    for (const [container, text] of Object.entries(LOGS))
      await expect.poll(() => ofPod(container), LOOK).toContain(text);
  });

  it('are followed by the pod', { timeout: STEP_MS }, async () => {
    const name = `seen-${randomUUID().slice(0, 8)}`;
    const container = { name: 'run', image: 'kios.invalid/pause:0.0.0-none', imagePullPolicy: 'Never' }; // prettier-ignore
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: {
        nodeName: up.nodeName,
        automountServiceAccountToken: false,
        containers: [container],
      },
    };
    await up.kubectl.call(['create', '-f', '-'], { input: JSON.stringify(pod) });
    await expect.poll(() => ofPod('kubelet'), LOOK).toContain(name);
    await up.kubectl.call(['delete', 'pod', name, '--wait=false']);
  });

  it('cost the node little as a pod', { timeout: STEP_MS }, async () => {
    const summary = `/api/v1/nodes/${up.nodeName}/proxy/stats/summary`;
    let bytes = 0;
    await expect
      .poll(async () => {
        const { pods } = v.parse(
          Summary,
          JSON.parse(await up.kubectl.call(['get', '--raw', summary])),
        );
        const own = pods.find(({ podRef }) => podRef.name === `node-logs-${up.nodeName}`);
        return (bytes = own?.memory?.workingSetBytes ?? 0);
      }, LOOK)
      .toBeGreaterThan(0);
    context.progress.info(`node-logs: ${(bytes / MIB).toFixed(1)} MiB`);
    expect(bytes).toBeLessThan(POD_LIMIT);
  });

  it('outlive an orderly stop, with its last steps', { timeout: 2 * BOOT_MS }, async () => {
    await qmp(machine.dir, MACHINE_FILES.qmp, 'system_powerdown');
    await node.console.expect('the end', ({ ev }) => ev === 'shutdown.end', STOP_MS);
    const step = node.console.events.find(({ ev, fields }) => ev === 'shutdown.step' && fields['step'] === 'logs'); // prettier-ignore
    expect(step?.fields).toMatchObject({ outcome: 'done' });
    expect(step?.fields['cause']).toBeUndefined();
    await expect.poll(() => machine.running(), LOOK).toBeUndefined();
    await boot();
    const before = await logs({ query: 'init', boot: '-1' });
    expect(before).toContain('"ev":"shutdown.start"');
    expect(before).toContain('"step":"containerd"');
    expect(await logs({ query: 'kernel', boot: '-1', pattern: 'Linux version' })).toContain('Linux version'); // prettier-ignore
    expect(await logs({ query: 'init' })).not.toContain(CRASH);
  });

  it('outlive a loss of power', { timeout: 2 * BOOT_MS }, async () => {
    // init writes a fault at once, and other lines when they are half a minute old.
    await sleep(60_000);
    await machine.stop();
    await boot();
    expect(await logs({ query: 'init', boot: '-1' })).toContain('"ev":"boot.done"');
    expect(await logs({ query: 'kubelet', boot: '-1' })).toContain(LOGS.kubelet);
    expect(await logs({ query: 'init', boot: '-2' })).toContain('"ev":"shutdown.start"');
    const all = await logs({ query: 'init' });
    expect(all.split('\n').filter((line) => line.includes(CRASH))).toHaveLength(1);
    await expect(logs({ query: 'init', boot: '-9' })).resolves.toContain('keeps no boot -9');
  });

  it('are read by the pod again after each boot', { timeout: STEP_MS }, async () => {
    for (const [container, text] of Object.entries(LOGS))
      await expect.poll(() => ofPod(container).catch(() => ''), LOOK).toContain(text);
  });
});

import { KiosError } from '@kios/errors';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { nextEvent } from '../../src/checks/acceptance/next-event.ts';
import { type BootedNode, powerOn, waitReady } from '../../src/lab/boot.ts';
import { startOnHost } from '../../src/lab/debug-pod.ts';
import { down } from '../../src/lab/down.ts';
import { scriptCommand } from '../../src/lab/guest-program.ts';
import { labMachine, NODE_ADDRESS } from '../../src/lab/node.ts';
import { chooseAccelerator } from '../../src/lab/qemu/accelerator.ts';
import type { SeenEvent } from '../../src/lab/qemu/console.ts';
import { seedFor } from '../../src/lab/seed-document.ts';
import { silent } from '../../src/workstation/progress.ts';
import { progressOn } from '../../src/workstation/terminal/progress.ts';
import { BareSegment } from '../support/faults/bare-segment.ts';
import { BOOT_MS } from '../support/faults/fault-reader.ts';
import {
  diagnosedConditions,
  faultEvents,
  summaryOf,
  tellsFault,
} from '../support/faults/healthy-watch.ts';
import { describeRecorded } from '../support/recorded.ts';
import { openSegmentLab, type SegmentLab } from '../support/relay/segment-lab.ts';

const BUILD_MS = 70 * 60_000;
const MINUTE_MS = 60_000;
/** An idle node is watched for so long. */
const IDLE_MS = 30 * MINUTE_MS;
/** A node is watched for so long from the start of its second boot, most of which is over by then. */
const AFTER_REBOOT_MS = 8 * MINUTE_MS;
const STEP_MS = 5 * MINUTE_MS;
const NODE = 'healthy';
const KUBELET_PORT = 10250;
const SHUTDOWN = '/run/kios/control/shutdown.sock';
const ORDER_REBOOT = 0x06;
const NO_FAULT = 'True NoFault';
const NONE_KNOWN = {
  conditions: {
    KiosNetwork: NO_FAULT,
    KiosClock: NO_FAULT,
    KiosStorage: NO_FAULT,
    KiosBootstrap: NO_FAULT,
    KiosUpdate: NO_FAULT,
  },
  events: [],
};

// A joined node on a network that has all that it asks for, with nothing to do: no fault may be told of it.
await describeRecorded('healthy', () => {
  const progress = progressOn({ write: (text) => process.stdout.write(text) });
  const machine = labMachine();
  let lab: SegmentLab;
  let segment: BareSegment;
  let node: BootedNode;

  beforeAll(async () => {
    lab = await openSegmentLab(progress);
    const { plane } = lab;
    segment = await BareSegment.open();
    const { border } = segment;
    await segment.serveAll();
    await border.offer(plane.apiPort);
    await machine.create(lab.image);
    const join = {
      instanceId: NODE,
      endpoint: plane.endpointForGuest,
      caCertHash: plane.caCertHash,
      token: await plane.createBootstrapToken(),
      nodeName: NODE,
    };
    node = await powerOn(machine, {
      accelerator: await chooseAccelerator(),
      memoryMiB: 2048,
      cpus: 2,
      tap: { device: await border.tap() },
      netns: border.netns.name,
      workstationPorts: [],
      seed: seedFor(join),
    });
    await plane.setNodeForward(NODE_ADDRESS, await border.lead(NODE_ADDRESS, KUBELET_PORT));
  }, BUILD_MS);

  afterAll(async () => {
    node?.console[Symbol.dispose]();
    await machine.stop();
    await segment?.[Symbol.asyncDispose]();
    await down(silent, { purge: true });
  }, 120_000);

  const ready = (): Promise<number> =>
    waitReady(node, lab.kubectl, NODE, AbortSignal.timeout(BOOT_MS));

  /** Returns the first fault that is told at or after `since` (ms), for so long from now on. */
  async function firstFault(since: number, forMs: number): Promise<string> {
    try {
      const isFault = (one: SeenEvent): boolean => one.seenAt >= since && tellsFault(one);
      return JSON.stringify((await node.console.expect('a fault', isFault, forMs)).fields);
    } catch (error) {
      if (error instanceof KiosError && error.code === 'KIOS_NODE_TIMEOUT') return 'none';
      throw error;
    } finally {
      const seen = node.console.events.filter(({ seenAt }) => seenAt >= since);
      const minutes = Math.round((Date.now() - since) / MINUTE_MS);
      progress.info(`  ${minutes} minutes: ${summaryOf(seen)}`);
    }
  }

  /** Returns what the API knows of faults of the node, which is Ready. */
  async function knownFaults(): Promise<{ conditions: object; events: readonly string[] }> {
    await ready();
    const conditions = diagnosedConditions(await lab.kubectl.get('node', NODE));
    progress.info(`  ${JSON.stringify(conditions)}`);
    return { conditions, events: faultEvents(await lab.kubectl.get('events', '-n', 'default')) };
  }

  it(
    'tells no fault while it joins and in thirty idle minutes',
    { timeout: BOOT_MS + IDLE_MS + STEP_MS },
    async () => {
      await ready();
      expect(await firstFault(node.running.startedAt, IDLE_MS)).toBe('none');
      expect(await knownFaults()).toEqual(NONE_KNOWN);
    },
  );

  it(
    'tells none while it reboots and in the first minutes after that',
    { timeout: BOOT_MS + AFTER_REBOOT_MS + STEP_MS },
    async () => {
      const ordered = Date.now();
      const booted = nextEvent(node.console, 'init', 'init.start');
      const command = await scriptCommand('power', { socket: SHUTDOWN, order: ORDER_REBOOT });
      await startOnHost(lab.kubectl, { nodeName: NODE, command, sockets: [SHUTDOWN] });
      await booted(BOOT_MS);
      expect(await firstFault(ordered, AFTER_REBOOT_MS)).toBe('none');
      expect(await knownFaults()).toEqual(NONE_KNOWN);
    },
  );
});

import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';

import { startOnHost } from '../../lab/debug-pod.ts';
import { scriptCommand } from '../../lab/guest-program.ts';
import { MACHINE_FILES } from '../../lab/qemu/arguments.ts';
import { qmp } from '../../lab/qemu/qmp.ts';
import { demand, type Assertion, type Subject } from './assertion.ts';
import { nextEvent } from './next-event.ts';
import { checkStaticPods } from './static-pods.ts';

const SHUTDOWN_SOCKET = '/run/kios/control/shutdown.sock';
const ORDER_REBOOT = 0x06;
const BOOT_DEADLINE_MS = 300_000;
const READY_DEADLINE_MS = 300_000;
const PODS_DEADLINE_MS = 300_000;

const BUTTON_DEADLINE_MS = 10_000;
/** Ten seconds for pods to prepare, kubelet's 90 s and 15 s for ending pods, and the deadlines of all other steps. */
const STOP_DEADLINE_MS = 240_000;
const OFF_DEADLINE_MS = 10_000;

const Node = v.object({
  metadata: v.object({ uid: v.string() }),
  status: v.object({ nodeInfo: v.object({ bootID: v.string() }) }),
});

const readNode = async ({ kubectl, nodeName }: Subject): Promise<v.InferOutput<typeof Node>> =>
  v.parse(Node, await kubectl.get('node', nodeName));

/**
 * Waits until the node is Ready with another boot ID, and returns its UID. Ready alone does not prove a reboot: a node
 * that is off stays Ready for a while.
 */
async function waitBack(subject: Subject, oldBoot: string): Promise<string> {
  const end = Date.now() + READY_DEADLINE_MS;
  while (Date.now() < end) {
    const node = await readNode(subject);
    if (
      node.status.nodeInfo.bootID !== oldBoot &&
      (await subject.kubectl.isReady(subject.nodeName))
    )
      return node.metadata.uid;
    await sleep(500);
  }
  demand(false, `it was not Ready again within ${READY_DEADLINE_MS / 1000} s`);
}

/** The pod that orders the reboot first takes all free space, so that the disk is full at the next boot. */
const FULL = '/tmp/full';

export const REBOOT: Assertion = {
  name: 'reboot of the same disk, which is full: joins again without a token and without waiting for bootstrap',
  check: async (subject) => {
    const { kubectl, nodeName, console } = subject;
    const before = await readNode(subject);
    const tokens = '--field-selector=type=bootstrap.kubernetes.io/token';
    await kubectl.call(['-n', 'kube-system', 'delete', 'secret', tokens]);
    const booted = nextEvent(console, 'init', 'init.start');
    const command = await scriptCommand('power', {
      socket: SHUTDOWN_SOCKET,
      order: ORDER_REBOOT,
      fill: FULL,
    });
    await startOnHost(kubectl, { nodeName, command, sockets: [SHUTDOWN_SOCKET] });
    const boot = await booted(BOOT_DEADLINE_MS);
    const uid = await waitBack(subject, before.status.nodeInfo.bootID);
    demand(uid === before.metadata.uid, 'it registered another Node object');
    const after = console.events.slice(console.events.indexOf(boot));
    const starts = after.filter(({ agent, ev }) => agent === 'init' && ev === 'kubelet.start');
    const modes = starts.map(({ fields }) => String(fields['mode']));
    demand(modes.join() === 'cluster', `kubelet was started in mode ${modes.join(', ')}`);
    return `kubelet in cluster mode at ${starts[0]?.up.toFixed(1)} s, same Node object`;
  },
};

/** The node is Ready while its pods still start, and may have pressure for five minutes after its disk was full. */
export const PODS_AFTER_REBOOT: Assertion = {
  name: 'after the reboot every static pod of the image runs again',
  check: async (subject) => {
    const end = Date.now() + PODS_DEADLINE_MS;
    for (;;) {
      try {
        return await checkStaticPods(subject, true);
      } catch (error) {
        if (Date.now() > end) throw error;
        await sleep(1000);
      }
    }
  },
};

export const POWER_BUTTON: Assertion = {
  name: 'the power button: an orderly shutdown, then the machine is off',
  check: async ({ console, machine }) => {
    const isPressed = nextEvent(console, 'init', 'power-button.pressed');
    const hasEnded = nextEvent(console, 'init', 'shutdown.end');
    await qmp(machine.dir, MACHINE_FILES.qmp, 'system_powerdown');
    const pressed = await isPressed(BUTTON_DEADLINE_MS);
    const end = await hasEnded(STOP_DEADLINE_MS);
    demand(
      end.fields['action'] === 'power-off',
      `the shutdown ended in ${String(end.fields['action'])}`,
    );
    const late = Date.now() + OFF_DEADLINE_MS;
    while ((await machine.running()) !== undefined) {
      demand(Date.now() < late, `it was still on ${OFF_DEADLINE_MS / 1000} s after its last line`);
      await sleep(100);
    }
    return `${(end.up - pressed.up).toFixed(1)} s`;
  },
};

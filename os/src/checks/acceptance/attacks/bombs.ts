import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';

import { startOnHost } from '../../../lab/debug-pod.ts';
import { scriptCommand } from '../../../lab/guest-program.ts';
import type { Kubectl } from '../../../lab/kubectl.ts';
import { type Assertion, demand, type Subject } from '../assertion.ts';
import { createGuest, deleteGuest } from '../guest-pod.ts';
import { nextEvent } from '../next-event.ts';
import { staticContainers } from '../static-pods.ts';
import { BombPod, bombOutcome } from './bomb-outcome.ts';

const RESTART_SOCKET = '/run/kios/control/restart-kubelet.sock';
const RESTART_KUBELET = 0x03;

/** What each of `os/guest/src/bombs` takes, in kubelet's word. */
const BOMBS = {
  fork: 'pids',
  inotify: 'memory',
  memory: 'memory',
  disk: 'ephemeral-storage',
} as const;
type Bomb = keyof typeof BOMBS;
interface LaidBomb {
  readonly bomb: Bomb;
  readonly pod: string;
}

/** Bombs that go off at the same time share two emulated processors. */
const TAKEN_WITHIN_MS = 480_000;
const KUBELET_BACK_WITHIN_MS = 180_000;
const POLL_MS = 500;
/** Longer than all that happens while the pod must stay. */
const STAY_SECONDS = 900;

/** Returns what a bomb holds, or that it was ended. Undefined while it still takes more. */
async function outcomeOf(kubectl: Kubectl, { bomb, pod }: LaidBomb): Promise<string | undefined> {
  const state = v.parse(BombPod, await kubectl.get('pod', pod));
  const log = await kubectl.call(['logs', pod]).catch(() => '');
  return bombOutcome(state, log, BOMBS[bomb]);
}

async function waitOutcome(kubectl: Kubectl, laid: LaidBomb): Promise<string> {
  for (const end = Date.now() + TAKEN_WITHIN_MS; Date.now() < end;) {
    const outcome = await outcomeOf(kubectl, laid);
    if (outcome !== undefined) return outcome;
    await sleep(POLL_MS);
  }
  demand(
    false,
    `${laid.bomb}: it neither held its limit nor was it ended within ${TAKEN_WITHIN_MS / 1000} s`,
  );
}

const untouched = async ({ kubectl }: Subject): Promise<string[]> =>
  (await staticContainers(kubectl)).map(({ title, id }) => `${title} ${id}`).toSorted();

/** Restarts kubelet from a pod that runs already, and waits until it serves again and its node is Ready. */
async function restartKubelet({ kubectl, console, nodeName }: Subject, pod: string): Promise<void> {
  const started = nextEvent(console, 'init', 'kubelet.start');
  const ready = nextEvent(console, 'init', 'kubelet.ready');
  const order = await scriptCommand('order', { socket: RESTART_SOCKET, order: RESTART_KUBELET });
  // The restart may end the connection that carries this call.
  const call = kubectl.call(['exec', pod, '--', ...order]).catch(() => '');
  await started(KUBELET_BACK_WITHIN_MS);
  await ready(KUBELET_BACK_WITHIN_MS);
  await call;
  await kubectl.wait(['wait', '--for=condition=Ready', `node/${nodeName}`]);
}

/** Programs of the host that ended by themselves since this many events. */
const ended = ({ console }: Subject, since: number): string[] =>
  console.events
    .slice(since)
    .filter(({ agent, ev }) => agent === 'init' && ev === 'child.exit')
    .map(({ fields }) => `${String(fields['child'])} ended`);

/**
 * Lets bombs go off in ordinary pods at the same time, and demands that the node survives and that kubelet can start
 * beside them. All pods are there before the first has taken anything: kubelet admits none to a node under pressure.
 */
async function endure(subject: Subject, bombs: readonly Bomb[]): Promise<string> {
  const { kubectl, nodeName, console } = subject;
  const before = await untouched(subject);
  const since = console.events.length;
  const control = await startOnHost(kubectl, {
    nodeName,
    command: await scriptCommand('stay', { seconds: STAY_SECONDS }),
    sockets: [RESTART_SOCKET],
  });
  const all = bombs.map((bomb) => ({ bomb, pod: `bomb-${bomb}-${randomUUID().slice(0, 8)}` }));
  try {
    await kubectl.wait(['wait', '--for=condition=Ready', `pod/${control}`]);
    for (const { bomb, pod } of all)
      await createGuest(kubectl, { name: pod, nodeName, args: ['bomb', bomb] });
    const outcomes = new Map<LaidBomb, string>();
    for (const laid of all) outcomes.set(laid, await waitOutcome(kubectl, laid));
    const seen = [...outcomes].map(([{ bomb }, outcome]) => `${bomb}: ${outcome}`).join(', ');
    demand(ended(subject, since).length === 0, `${seen}; ${ended(subject, since).join(', ')}`);
    demand(await kubectl.isReady(nodeName), `${seen}; the node is not Ready`);
    await restartKubelet(subject, control);
    const after = await untouched(subject);
    demand(after.join() === before.join(), `containers before: ${before.join(', ')}; after: ${after.join(', ')}`); // prettier-ignore
    await Promise.all(all.map(async ({ pod }) => deleteGuest(kubectl, pod, 'wait')));
    return seen;
  } finally {
    await kubectl.call(['delete', 'pod', control, '--wait=false', '--ignore-not-found']);
    for (const { pod } of all) await deleteGuest(kubectl, pod);
  }
}

const assertionOf = (what: string, ...bombs: readonly Bomb[]): Assertion => ({
  name: `${what} in ordinary pods: the node stays Ready, its own pods stay, and kubelet can start`,
  check: (subject) => endure(subject, bombs),
});

/**
 * Two pairs, because an eviction for one bomb may take its neighbour along: nothing ends the bombs of the first, and
 * kubelet starts beside them; the kernel or kubelet ends those of the second.
 */
export const BOMB_ASSERTIONS: readonly Assertion[] = [
  assertionOf('a fork bomb and an inotify bomb', 'fork', 'inotify'),
  assertionOf('a disk hog and a memory hog', 'disk', 'memory'),
];

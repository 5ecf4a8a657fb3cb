import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';

import type { Kubectl } from '../../../lab/kubectl.ts';
import { type Assertion, demand, type Subject } from '../assertion.ts';
import { startOnHost } from '../debug-pod.ts';
import { createGuest, deleteGuest } from '../guest-pod.ts';
import { scriptCommand } from '../guest-program.ts';
import { nextEvent } from '../next-event.ts';
import { staticContainers } from '../static-pods.ts';

const RESTART_SOCKET = '/run/kios/control/restart-kubelet.sock';
const RESTART_KUBELET = 0x03;
/** Names of `os/guest/src/bombs`, and what each takes. */
type Bomb = 'fork' | 'inotify' | 'memory' | 'disk';

const TAKEN_WITHIN_MS = 150_000;
const KUBELET_BACK_WITHIN_MS = 60_000;
const POLL_MS = 500;
/** Longer than all that happens while the pod must stay. */
const STAY_SECONDS = 900;

const Pod = v.object({
  status: v.object({
    phase: v.optional(v.string(), ''),
    reason: v.optional(v.string(), ''),
    containerStatuses: v.optional(
      v.array(
        v.object({
          state: v.object({
            terminated: v.optional(v.object({ exitCode: v.number(), reason: v.string() })),
          }),
        }),
      ),
      [],
    ),
  }),
});

const SIGKILL = 128 + 9;

/** Returns how a bomb ended: what it holds, or that it was killed or evicted. Undefined while it still takes more. */
async function outcomeOf(kubectl: Kubectl, name: string): Promise<string | undefined> {
  const { status } = v.parse(Pod, await kubectl.get('pod', name));
  if (status.reason === 'Evicted') return 'evicted';
  const ended = status.containerStatuses[0]?.state.terminated;
  if (ended?.exitCode === SIGKILL) return `killed (${ended.reason})`;
  demand(status.phase !== 'Failed', `the bomb failed: ${status.reason} ${ended?.reason}`);
  const log = await kubectl.call(['logs', name]).catch(() => '');
  return /"result":"([^"]+)"/.exec(log)?.[1];
}

async function waitOutcome(kubectl: Kubectl, name: string): Promise<string> {
  for (const end = Date.now() + TAKEN_WITHIN_MS; Date.now() < end;) {
    const outcome = await outcomeOf(kubectl, name);
    if (outcome !== undefined) return outcome;
    await sleep(POLL_MS);
  }
  demand(false, `it neither held its limit nor was it ended within ${TAKEN_WITHIN_MS / 1000} s`);
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
  await kubectl.call(['wait', '--for=condition=Ready', `node/${nodeName}`, '--timeout=60s']);
}

/** Programs of the host that ended by themselves since this many events. */
const ended = ({ console }: Subject, since: number): string[] =>
  console.events
    .slice(since)
    .filter(({ agent, ev }) => agent === 'init' && ev === 'child.exit')
    .map(({ fields }) => `${String(fields['child'])} ended`);

/** Lets bombs go off in ordinary pods, and demands that the node survives and that kubelet can start beside them. */
async function endure(subject: Subject, bombs: readonly Bomb[]): Promise<string> {
  const { kubectl, nodeName, console } = subject;
  const before = await untouched(subject);
  const since = console.events.length;
  const control = await startOnHost(kubectl, {
    nodeName,
    command: await scriptCommand('stay', { seconds: STAY_SECONDS }),
    sockets: [RESTART_SOCKET],
  });
  const pods = bombs.map((bomb) => ({ bomb, name: `bomb-${bomb}-${randomUUID().slice(0, 8)}` }));
  try {
    await kubectl.call(['wait', '--for=condition=Ready', `pod/${control}`, '--timeout=60s']);
    for (const { bomb, name } of pods)
      await createGuest(kubectl, { name, nodeName, args: ['bomb', bomb] });
    const outcomes: string[] = [];
    for (const { bomb, name } of pods)
      outcomes.push(`${bomb}: ${await waitOutcome(kubectl, name)}`);
    demand(ended(subject, since).length === 0, ended(subject, since).join(', '));
    demand(await kubectl.isReady(nodeName), `${outcomes.join(', ')}; the node is not Ready`);
    await restartKubelet(subject, control);
    const after = await untouched(subject);
    demand(after.join() === before.join(), `containers before: ${before.join(', ')}; after: ${after.join(', ')}`); // prettier-ignore
    for (const { name } of pods) await deleteGuest(kubectl, name, 'wait');
    return outcomes.join(', ');
  } finally {
    await kubectl.call(['delete', 'pod', control, '--wait=false', '--ignore-not-found']);
    for (const { name } of pods) await deleteGuest(kubectl, name);
  }
}

const assertionOf = (what: string, ...bombs: readonly Bomb[]): Assertion => ({
  name: `${what} in ordinary pods: the node stays Ready, its own pods stay, and kubelet can start`,
  check: (subject) => endure(subject, bombs),
});

export const BOMB_ASSERTIONS: readonly Assertion[] = [
  assertionOf('a fork bomb', 'fork'),
  assertionOf('an inotify bomb', 'inotify'),
  assertionOf('a memory hog', 'memory'),
  assertionOf('a disk hog', 'disk'),
];

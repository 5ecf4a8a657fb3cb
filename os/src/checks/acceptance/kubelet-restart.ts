import { runOnHost } from '../../lab/debug-pod.ts';
import { scriptCommand } from '../../lab/guest-program.ts';
import { demand, type Assertion, type Subject } from './assertion.ts';
import { hostProcesses } from './host.ts';
import { nextEvent } from './next-event.ts';
import { staticContainers } from './static-pods.ts';

const BACK_WITHIN_SECONDS = 3;
const DEADLINE_MS = 60_000;

const containerKeys = async ({ kubectl }: Subject): Promise<string[]> =>
  (await staticContainers(kubectl)).map(({ title, id }) => `${title} ${id}`).toSorted();

export const KUBELET_ASSERTIONS: readonly Assertion[] = [
  {
    name: `kubelet killed: back within ${BACK_WITHIN_SECONDS} s, no container restarted`,
    check: async (subject) => {
      const { kubectl, nodeName, console, lookAtHost } = subject;
      const before = await containerKeys(subject);
      const facts = await lookAtHost();
      const kubelet = hostProcesses(facts).find(({ exe }) => exe === '/bin/kubelet');
      demand(kubelet !== undefined, 'no kubelet runs');
      const exited = nextEvent(console, 'init', 'child.exit');
      const started = nextEvent(console, 'init', 'kubelet.start');
      const command = await scriptCommand('kill', { pid: kubelet.pid });
      // The result of this pod arrives only once kubelet is back.
      await runOnHost(kubectl, { nodeName, command, capabilities: ['KILL'] });
      const exit = await exited(DEADLINE_MS);
      const start = await started(DEADLINE_MS);
      const seconds = start.up - exit.up;
      demand(seconds <= BACK_WITHIN_SECONDS, `it was back after ${seconds.toFixed(2)} s`);
      await kubectl.call(['wait', '--for=condition=Ready', `node/${nodeName}`, '--timeout=120s']);
      const after = await containerKeys(subject);
      demand(
        after.join() === before.join(),
        `containers before: ${before.join(', ')}; after: ${after.join(', ')}`,
      );
      return `back after ${seconds.toFixed(2)} s, ${after.length} containers untouched`;
    },
  },
];

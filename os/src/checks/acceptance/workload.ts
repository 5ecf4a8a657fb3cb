import * as v from 'valibot';

import type { Kubectl } from '../../lab/kubectl.ts';
import { demand, type Assertion } from './assertion.ts';
import { RUNTIME_IMAGE, scriptCommand } from './guest-program.ts';

const NAME = 'acceptance';
const PORT = 8080;
const GREETING = 'serving';

const deployment = (command: readonly string[]): unknown => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: NAME, namespace: 'default' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: NAME } },
    template: {
      metadata: { labels: { app: NAME } },
      spec: {
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        containers: [
          {
            name: 'server',
            image: RUNTIME_IMAGE,
            imagePullPolicy: 'Never',
            command,
            readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 2 },
          },
        ],
      },
    },
  },
});

const Pods = v.object({
  items: v.array(
    v.object({
      metadata: v.object({ name: v.string() }),
      status: v.object({ podIP: v.optional(v.string(), '') }),
    }),
  ),
});

interface Replica {
  readonly name: string;
  readonly ip: string;
}

async function replicas(kubectl: Kubectl): Promise<[Replica, Replica]> {
  const { items } = v.parse(Pods, await kubectl.get('pods', '-l', `app=${NAME}`));
  const [first, second] = items.map(({ metadata, status }) => ({
    name: metadata.name,
    ip: status.podIP,
  }));
  demand(first !== undefined && second !== undefined, `there are ${items.length} pods, not two`);
  return [first, second];
}

/** Returns the reply of one replica to the other, over the pods' own addresses. */
async function greet(kubectl: Kubectl, from: Replica, to: Replica): Promise<string> {
  const command = await scriptCommand('greet', { url: `http://${to.ip}:${PORT}` });
  return (await kubectl.call(['exec', from.name, '--', ...command])).trim();
}

/** These assertions depend on each other: the first creates the workload, the last removes it. */
export const WORKLOAD_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'a Deployment of two replicas reaches Running',
    check: async ({ kubectl }) => {
      const command = await scriptCommand('serve', { port: PORT, greeting: GREETING });
      await kubectl.call(['apply', '-f', '-'], { input: JSON.stringify(deployment(command)) });
      await kubectl.call(['rollout', 'status', `deployment/${NAME}`, '--timeout=110s']);
      const [first, second] = await replicas(kubectl);
      return `${first.name} ${first.ip}, ${second.name} ${second.ip}`;
    },
  },
  {
    name: 'kubectl logs prints a pod’s log',
    check: async ({ kubectl }) => {
      const [{ name }] = await replicas(kubectl);
      const output = (await kubectl.call(['logs', name])).trim();
      demand(output.includes(GREETING), `the log is ${JSON.stringify(output)}`);
      return output;
    },
  },
  {
    name: 'kubectl exec works, and the pods reach each other by IP',
    check: async ({ kubectl }) => {
      const [first, second] = await replicas(kubectl);
      const there = await greet(kubectl, first, second);
      const back = await greet(kubectl, second, first);
      demand(there === second.name, `${first.name} got ${there} from ${second.ip}`);
      demand(back === first.name, `${second.name} got ${back} from ${first.ip}`);
      await kubectl.call(['delete', 'deployment', NAME, '--wait=false']);
      return `${first.ip} and ${second.ip}, both ways`;
    },
  },
];

import * as v from 'valibot';

import { imageName } from '../../build/shipped.ts';
import { AGENT_FILE, RUNTIME, RUNTIME_IMAGE, scriptCommand } from '../../lab/guest-program.ts';
import type { Kubectl } from '../../lab/kubectl.ts';
import { demand, type Assertion } from './assertion.ts';

const NAME = 'acceptance';
const PORT = 8080;
const GREETING = 'serving';
const DOOR = 'acceptance-door';
const HOST_PORT = 18_080;
const OWN_USERS = 'acceptance-own-users';

/** A pod whose users are not the node's, of an image with one layer and of one with several. */
const ownUsersPod = (command: readonly string[]): unknown => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: OWN_USERS, namespace: 'default' },
  spec: {
    hostUsers: false,
    automountServiceAccountToken: false,
    terminationGracePeriodSeconds: 1,
    containers: [
      { name: 'several', image: RUNTIME_IMAGE, imagePullPolicy: 'Never', command },
      { name: 'one', image: imageName('pause'), imagePullPolicy: 'Never' },
    ],
  },
});

/** What `owners` prints in that pod: root's files, and a root that is an ordinary user of the host. */
const Owners = v.object({
  owners: v.array(v.literal(0)),
  outside: v.pipe(v.number(), v.minValue(65_536)),
});

/** The part of a pod that serves at `PORT`, or at a port of the host that leads there. */
const serverOf = (command: readonly string[], hostPort?: number): unknown => ({
  automountServiceAccountToken: false,
  terminationGracePeriodSeconds: 1,
  containers: [
    {
      name: 'server',
      image: RUNTIME_IMAGE,
      imagePullPolicy: 'Never',
      command,
      ...(hostPort === undefined ? {} : { ports: [{ containerPort: PORT, hostPort }] }),
      readinessProbe: { tcpSocket: { port: PORT }, periodSeconds: 2 },
    },
  ],
});

const doorPod = (command: readonly string[]): unknown => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: DOOR, namespace: 'default' },
  spec: serverOf(command, HOST_PORT),
});

const deployment = (command: readonly string[]): unknown => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: NAME, namespace: 'default' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: NAME } },
    template: {
      metadata: { labels: { app: NAME } },
      spec: serverOf(command),
    },
  },
});

const Pods = v.object({
  items: v.array(
    v.object({
      metadata: v.object({ name: v.string() }),
      status: v.object({ podIP: v.optional(v.string(), ''), hostIP: v.optional(v.string(), '') }),
    }),
  ),
});

interface Replica {
  readonly name: string;
  readonly ip: string;
  /** The node's address. */
  readonly hostIp: string;
}

async function replicas(kubectl: Kubectl): Promise<[Replica, Replica]> {
  const { items } = v.parse(Pods, await kubectl.get('pods', '-l', `app=${NAME}`));
  const [first, second] = items.map(({ metadata, status }) => ({
    name: metadata.name,
    ip: status.podIP,
    hostIp: status.hostIP,
  }));
  demand(first !== undefined && second !== undefined, `there are ${items.length} pods, not two`);
  return [first, second];
}

/** Returns the reply that a pod gets at an address. */
async function greet(kubectl: Kubectl, from: string, address: string): Promise<string> {
  const command = await scriptCommand('greet', { url: `http://${address}` });
  return (await kubectl.call(['exec', from, '--', ...command])).trim();
}

/** These assertions depend on each other: the first creates the workload, the last removes it. */
export const WORKLOAD_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'a Deployment of two replicas reaches Running',
    check: async ({ kubectl }) => {
      const command = await scriptCommand('serve', { port: PORT, greeting: GREETING });
      await kubectl.call(['apply', '-f', '-'], { input: JSON.stringify(deployment(command)) });
      await kubectl.wait(['rollout', 'status', `deployment/${NAME}`]);
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
    name: 'a pod is reached by its port of the host, by another pod and by itself, until it goes',
    check: async ({ kubectl }) => {
      const command = await scriptCommand('serve', { port: PORT, greeting: GREETING });
      await kubectl.call(['apply', '-f', '-'], { input: JSON.stringify(doorPod(command)) });
      await kubectl.wait(['wait', '--for=condition=Ready', `pod/${DOOR}`]);
      const [{ name, hostIp }] = await replicas(kubectl);
      const address = `${hostIp}:${HOST_PORT}`;
      for (const from of [name, DOOR]) {
        const reply = await greet(kubectl, from, address);
        demand(reply === DOOR, `${from} got ${reply} from ${address}`);
      }
      await kubectl.wait(['delete', 'pod', DOOR]);
      const after = await greet(kubectl, name, address).catch(() => 'nothing');
      demand(after === 'nothing', `${name} still got ${after} from ${address}`);
      return address;
    },
  },
  {
    name: 'a pod with hostUsers: false runs',
    check: async ({ kubectl }) => {
      const pod = ownUsersPod(await scriptCommand('stay', { seconds: 600 }));
      await kubectl.call(['apply', '-f', '-'], { input: JSON.stringify(pod) });
      await kubectl.wait(['wait', '--for=condition=Ready', `pod/${OWN_USERS}`]);
      // A file of a layer that all agents share, and one of the agent's own.
      const owners = await scriptCommand('owners', { files: [RUNTIME, AGENT_FILE] });
      const output = await kubectl.call(['exec', OWN_USERS, '-c', 'several', '--', ...owners]);
      const { outside } = v.parse(v.pipe(v.string(), v.parseJson(), Owners), output);
      await kubectl.call(['delete', 'pod', OWN_USERS, '--wait=false']);
      return `its root is the host’s user ${outside}`;
    },
  },
  {
    name: 'kubectl exec works, and the pods reach each other by IP',
    check: async ({ kubectl }) => {
      const [first, second] = await replicas(kubectl);
      const there = await greet(kubectl, first.name, `${second.ip}:${PORT}`);
      const back = await greet(kubectl, second.name, `${first.ip}:${PORT}`);
      demand(there === second.name, `${first.name} got ${there} from ${second.ip}`);
      demand(back === first.name, `${second.name} got ${back} from ${first.ip}`);
      await kubectl.call(['delete', 'deployment', NAME, '--wait=false']);
      return `${first.ip} and ${second.ip}, both ways`;
    },
  },
];

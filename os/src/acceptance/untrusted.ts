import { randomBytes } from 'node:crypto';

import * as v from 'valibot';

import type { SeenEvent } from '../qemu/console.ts';
import { listData, readFromData, writeToData } from '../qemu/data-partition.ts';
import type { Machine } from '../qemu/machine.ts';
import { type BootedNode, type BootOptions, powerOn, waitReady } from '../try-out/boot.ts';
import type { Kubectl } from '../try-out/kubectl.ts';
import { type JoinInformation, seedFor } from '../try-out/seed-document.ts';
import { type Assertion, demand } from './assertion.ts';
import { EDIT } from './edited-image.ts';
import { listenersManifest } from './listeners.ts';

const EVENT_DEADLINE_MS = 300_000;
/** Where the overlay of /etc keeps what was written. */
const WRITTEN_ETC = '/meta/etc/kubernetes';
const PROBE = 'listeners.yaml';

/** A node on a fresh disk that is told the wrong things first. */
export interface Untrusted {
  readonly machine: Machine;
  /** Makes the disk image that it boots. */
  readonly buildImage: () => Promise<string>;
  readonly boot: Omit<BootOptions, 'seed'>;
  readonly join: JoinInformation;
  readonly kubectl: Kubectl;
  readonly signal: AbortSignal;
  readonly setNodeForward: (hostPort: number) => Promise<void>;
  node?: BootedNode;
}

/** What bootstrap says of a cluster that is not the one, or that does not know its token (yet). */
const REFUSED = /KIOS_BOOTSTRAP_(UNTRUSTED|UNSIGNED|TOKEN)/;

const refusal = (event: SeenEvent): boolean =>
  event.agent === 'bootstrap' && codeOf(event) !== undefined;

const isProbe = (event: SeenEvent): boolean => event.agent === 'listeners';

const codeOf = (event: SeenEvent): string | undefined =>
  REFUSED.exec(JSON.stringify(event.fields))?.[0];

async function turnOn(subject: Untrusted, join: JoinInformation): Promise<BootedNode> {
  await subject.machine.stop();
  subject.node?.console[Symbol.dispose]();
  subject.node = await powerOn(subject.machine, { ...subject.boot, seed: seedFor(join) });
  await subject.setNodeForward(subject.node.running.kubeletPort);
  return subject.node;
}

/** The refusal on the console, when it carries a code. */
async function refusalOf({ console }: BootedNode): Promise<string> {
  const event = await console.expect('a refusal by bootstrap', refusal, EVENT_DEADLINE_MS);
  const code = codeOf(event);
  demand(code !== undefined, `the line has no code: ${JSON.stringify(event.fields)}`);
  return code;
}

async function podLog(disk: string): Promise<string> {
  const pods = await listData(disk, '/meta/log/pods');
  const pod = pods.find((name) => name.includes('_bootstrap'));
  demand(pod !== undefined, `no pod log of bootstrap among ${pods.join(', ')}`);
  const containers = await listData(disk, `/meta/log/pods/${pod}`);
  const logs = containers.map((name) => readFromData(disk, `/meta/log/pods/${pod}/${name}/0.log`));
  return (await Promise.all(logs)).join('\n');
}

const secretOf = (token: string): unknown => {
  const [id = '', secret = ''] = token.split('.');
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: {
      'token-id': id,
      'token-secret': secret,
      'usage-bootstrap-authentication': 'true',
      'usage-bootstrap-signing': 'true',
      'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
    },
  };
};

const Pod = v.object({
  metadata: v.object({ annotations: v.optional(v.record(v.string(), v.string()), {}) }),
});

const newToken = (): string =>
  `${randomBytes(3).toString('hex')}.${randomBytes(8).toString('hex')}`;

/** Two boots of one fresh disk, in this order. */
export const UNTRUSTED_ASSERTIONS: readonly Assertion<Untrusted>[] = [
  {
    name: 'wrong CA hash: a coded line on the console',
    check: async (subject) => {
      await subject.machine.create(await subject.buildImage());
      await writeToData(
        subject.machine.file('disk'),
        `${WRITTEN_ETC}/manifests/${PROBE}`,
        listenersManifest(),
      );
      const caCertHash = `sha256:${'0'.repeat(64)}`;
      return refusalOf(await turnOn(subject, { ...subject.join, caCertHash }));
    },
  },
  {
    name: 'before joining nothing listens on a non-loopback address',
    check: async ({ node }) => {
      demand(node !== undefined, 'the node was not started');
      const event = await node.console.expect('the list of sockets', isProbe, EVENT_DEADLINE_MS);
      const open = event.fields['open'];
      demand(Array.isArray(open) && open.length === 0, `open: ${JSON.stringify(open)}`);
      return 'no socket';
    },
  },
  {
    name: 'wrong CA hash: the line is in the pod’s log, and nothing was written to /etc/kubernetes',
    check: async ({ machine, node }) => {
      demand(node !== undefined, 'the node was not started');
      const code = await refusalOf(node);
      await machine.stop();
      const disk = machine.file('disk');
      const log = await podLog(disk);
      demand(log.includes(code), `the pod’s log has no ${code}`);
      const written = (await listData(disk, WRITTEN_ETC)).filter(
        (name) => name !== 'manifests' && name !== 'pki',
      );
      const keys = await listData(disk, `${WRITTEN_ETC}/pki`);
      const others = [...written, ...keys.filter((name) => !name.startsWith('kubelet.'))];
      demand(others.length === 0, `written: ${others.join(', ')}`);
      return `${code}; only init’s own pki/kubelet.{crt,key}`;
    },
  },
  {
    name: 'corrected seed, token the cluster does not know yet: refused, then joins once the token exists',
    check: async (subject) => {
      const { kubectl, join, signal } = subject;
      const token = newToken();
      await kubectl.call(['delete', 'node', join.nodeName, '--ignore-not-found']);
      const node = await turnOn(subject, { ...join, token });
      const code = await refusalOf(node);
      await kubectl.call(['create', '-f', '-'], { input: JSON.stringify(secretOf(token)) });
      await waitReady(node, kubectl, join.nodeName, signal);
      return `${code}, then Ready`;
    },
  },
  {
    name: 'its image was built with an edited manifest, and the node runs that',
    check: async ({ kubectl, join }) => {
      const pod = `${EDIT.pod}-${join.nodeName}`;
      const { metadata } = v.parse(Pod, await kubectl.get('pod', pod, '-n', 'kube-system'));
      const found = metadata.annotations[EDIT.annotation];
      demand(found === EDIT.value, `pod ${pod} has ${EDIT.annotation}=${found}`);
      return `pod ${pod} has ${EDIT.annotation}=${found}`;
    },
  },
];

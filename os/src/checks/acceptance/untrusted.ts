import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';

import { type BootedNode, type BootOptions, powerOn, waitReady } from '../../lab/boot.ts';
import type { Kubectl } from '../../lab/kubectl.ts';
import type { SeenEvent } from '../../lab/qemu/console.ts';
import { writeToData } from '../../lab/qemu/data-partition.ts';
import type { Machine } from '../../lab/qemu/machine.ts';
import { type JoinInformation, seedFor } from '../../lab/seed-document.ts';
import { type Assertion, demand } from './assertion.ts';
import { EDIT } from './edited-image.ts';
import { runsKernel } from './kernel.ts';
import { PROBE, probeManifest, REFUSED } from './standalone-probe.ts';

const EVENT_DEADLINE_MS = 300_000;
const MIRROR_DEADLINE_MS = 120_000;
/** Path on the data partition that appears as a static pod in the overlay of /etc. */
const PROBE_FILE = `/meta/etc/kubernetes/manifests/${PROBE}.yaml`;
/** Files that bootstrap writes below /etc/kubernetes. The image's own file in kubelet.conf.d begins with 00. */
const FROM_BOOTSTRAP =
  /kubeconfig|kubelet\.conf$|kubelet\.conf\.d\/[1-9]|pki\/ca\.crt|node-labels|node-ip|credential-providers/;

/** A node on a fresh disk that gets a wrong seed first. */
export interface Untrusted {
  readonly machine: Machine;
  /** Builds the disk image that it boots and returns its path. */
  readonly buildImage: () => Promise<string>;
  readonly boot: Omit<BootOptions, 'seed'>;
  readonly join: JoinInformation;
  readonly kubectl: Kubectl;
  readonly signal: AbortSignal;
  readonly setNodeForward: (hostPort: number) => Promise<void>;
  node?: BootedNode;
}

const refusal = (event: SeenEvent): boolean =>
  event.agent === 'bootstrap' && codeOf(event) !== undefined;

const isProbe = (event: SeenEvent): boolean => event.agent === PROBE;

const codeOf = (event: SeenEvent): string | undefined =>
  REFUSED.exec(JSON.stringify(event.fields))?.[0];

async function turnOn(subject: Untrusted, join: JoinInformation): Promise<BootedNode> {
  await subject.machine.stop();
  subject.node?.console[Symbol.dispose]();
  subject.node = await powerOn(subject.machine, { ...subject.boot, seed: seedFor(join) });
  await subject.setNodeForward(subject.node.running.kubeletPort);
  return subject.node;
}

/** Waits for bootstrap's refusal on the console and returns its code. */
async function refusalOf({ console }: BootedNode): Promise<string> {
  const event = await console.expect('a refusal by bootstrap', refusal, EVENT_DEADLINE_MS);
  const code = codeOf(event);
  demand(code !== undefined, `the line has no code: ${JSON.stringify(event.fields)}`);
  return code;
}

const Report = v.object({
  open: v.array(v.string()),
  code: v.optional(v.string(), 'no code'),
  files: v.array(v.string()),
});

/** Returns what the probe saw on the node before it joined. */
async function reportOf({ node }: Untrusted): Promise<v.InferOutput<typeof Report>> {
  demand(node !== undefined, 'the node was not started');
  const event = await node.console.expect('the probe’s report', isProbe, EVENT_DEADLINE_MS);
  return v.parse(Report, event.fields);
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

const Pods = v.object({
  items: v.array(
    v.object({
      metadata: v.object({
        name: v.string(),
        annotations: v.optional(v.record(v.string(), v.string()), {}),
      }),
    }),
  ),
});

const createToken = (kubectl: Kubectl, token: string): Promise<string> =>
  kubectl.call(['create', '-f', '-'], { input: JSON.stringify(secretOf(token)) });

const newToken = (): string =>
  `${randomBytes(3).toString('hex')}.${randomBytes(8).toString('hex')}`;

/**
 * Returns the edited annotation of a static pod from the API server, and waits for it: kubelet mirrors its pods one by
 * one after the node is Ready, and replaces those that an earlier machine of that name left behind.
 */
async function annotationOf(kubectl: Kubectl, pod: string): Promise<string | undefined> {
  const end = Date.now() + MIRROR_DEADLINE_MS;
  let found: string | undefined;
  while (found !== EDIT.value && Date.now() < end) {
    const list = await kubectl
      .get('pods', '-n', 'kube-system')
      .then((found) => v.parse(Pods, found));
    const mirror = list.items.find(({ metadata }) => metadata.name === pod);
    found = mirror?.metadata.annotations[EDIT.annotation];
    if (found !== EDIT.value) await sleep(500);
  }
  return found;
}

/** Two boots of one fresh disk, in this order. */
export const UNTRUSTED_CASES: readonly Assertion<Untrusted>[] = [
  {
    name: 'wrong CA hash: a line with a code on the console',
    check: async (subject) => {
      await subject.machine.create(await subject.buildImage());
      await writeToData(subject.machine.file('disk'), PROBE_FILE, await probeManifest());
      const token = newToken();
      await createToken(subject.kubectl, token);
      const caCertHash = `sha256:${'0'.repeat(64)}`;
      return refusalOf(await turnOn(subject, { ...subject.join, token, caCertHash }));
    },
  },
  {
    name: 'before joining, nothing listens on an address other than loopback',
    check: async (subject) => {
      const { open } = await reportOf(subject);
      demand(open.length === 0, `open: ${open.join(', ')}`);
      return 'no socket';
    },
  },
  {
    name: 'wrong CA hash: the code is in the pod’s log, and nothing was written to /etc/kubernetes',
    check: async (subject) => {
      const { code, files } = await reportOf(subject);
      demand(REFUSED.test(code), `the pod’s log has ${code}`);
      const written = files.filter((file) => FROM_BOOTSTRAP.test(file));
      demand(written.length === 0, `written: ${written.join(', ')}`);
      return `${code}; files: ${files.join(' ')}`;
    },
  },
  {
    name: 'corrected seed, token not yet in the cluster: refused, then joins once the token exists',
    check: async (subject) => {
      const { kubectl, join, signal } = subject;
      const token = newToken();
      await kubectl.call(['delete', 'node', join.nodeName, '--ignore-not-found']);
      const node = await turnOn(subject, { ...join, token });
      const code = await refusalOf(node);
      await createToken(kubectl, token);
      await waitReady(node, kubectl, join.nodeName, signal);
      return `${code}, then Ready`;
    },
  },
  {
    name: 'an image built with an edited manifest: the node runs that manifest',
    check: async ({ kubectl, join }) => {
      const pod = `${EDIT.pod}-${join.nodeName}`;
      const found = await annotationOf(kubectl, pod);
      demand(found === EDIT.value, `pod ${pod} has ${EDIT.annotation}=${found}`);
      return `pod ${pod} has ${EDIT.annotation}=${found}`;
    },
  },
  {
    name: 'an image built with Debian’s kernel: the node runs that kernel',
    check: ({ kubectl, join }) => runsKernel(kubectl, join.nodeName, /-cloud-/),
  },
];

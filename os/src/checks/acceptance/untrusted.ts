import { setTimeout as sleep } from 'node:timers/promises';

import * as v from 'valibot';

import { type BootedNode, waitReady } from '../../lab/boot.ts';
import type { Kubectl } from '../../lab/kubectl.ts';
import type { SeenEvent } from '../../lab/qemu/console.ts';
import { writeToData } from '../../lab/qemu/data-partition.ts';
import { type Assertion, demand } from './assertion.ts';
import { HOSTILE_STATE, HOSTILE_STATE_CASES } from './attacks/hostile-state.ts';
import { EDIT } from './edited-image.ts';
import { runsKernel } from './kernel.ts';
import { PROBE, probeManifest, REFUSED } from './standalone-probe.ts';
import { createToken, newToken, turnOn, type Untrusted } from './untrusted-node.ts';

const EVENT_DEADLINE_MS = 300_000;
const MIRROR_DEADLINE_MS = 120_000;
/** Path on the data partition that appears as a static pod in the overlay of /etc. */
const PROBE_FILE = `/meta/etc/kubernetes/manifests/${PROBE}.yaml`;
/** Files that bootstrap writes below /etc/kubernetes. The image's own file in kubelet.conf.d begins with 00. */
const FROM_BOOTSTRAP =
  /kubeconfig|kubelet\.conf$|kubelet\.conf\.d\/[1-9]|pki\/ca\.crt|node-labels|node-ip|credential-providers/;

const refusal = (event: SeenEvent): boolean =>
  event.agent === 'bootstrap' && codeOf(event) !== undefined;

const isProbe = (event: SeenEvent): boolean => event.agent === PROBE;

const codeOf = (event: SeenEvent): string | undefined =>
  REFUSED.exec(JSON.stringify(event.fields))?.[0];

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
      await writeToData(subject.machine.file('disk'), {
        [PROBE_FILE]: { content: await probeManifest() },
        ...HOSTILE_STATE,
      });
      const token = newToken();
      await createToken(subject.kubectl, token);
      const caCertHash = `sha256:${'0'.repeat(64)}`;
      return refusalOf(await turnOn(subject, { ...subject.join, token, caCertHash }));
    },
  },
  ...HOSTILE_STATE_CASES,
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

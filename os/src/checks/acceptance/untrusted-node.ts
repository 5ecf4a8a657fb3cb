import { randomBytes } from 'node:crypto';

import { type BootedNode, type BootOptions, powerOn } from '../../lab/boot.ts';
import type { Kubectl } from '../../lab/kubectl.ts';
import type { Machine } from '../../lab/qemu/machine.ts';
import { type JoinInformation, seedFor } from '../../lab/seed-document.ts';

/** A machine that boots fresh disks, which its cluster does not trust at first. */
export interface Untrusted {
  readonly machine: Machine;
  /** Builds the disk image that it boots and returns its path. */
  readonly buildImage: () => Promise<string>;
  /** The disk image as it ships. */
  readonly image: string;
  readonly boot: Omit<BootOptions, 'seed'>;
  readonly join: JoinInformation;
  readonly kubectl: Kubectl;
  readonly signal: AbortSignal;
  readonly setNodeForward: (hostPort: number) => Promise<void>;
  node?: BootedNode;
  /** What the machine calls itself, once it was seen. */
  own?: { readonly name: string; readonly machineId: string };
}

/** Turns the machine on with another seed, and perhaps with further disks. */
export async function turnOn(
  subject: Untrusted,
  join: Parameters<typeof seedFor>[0],
  hardware: Pick<BootOptions, 'disks' | 'quietCard'> = {},
): Promise<BootedNode> {
  await subject.machine.stop();
  subject.node?.console[Symbol.dispose]();
  subject.node = await powerOn(subject.machine, {
    ...subject.boot,
    ...hardware,
    seed: seedFor(join),
  });
  await subject.setNodeForward(subject.node.running.kubeletPort);
  return subject.node;
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

export const createToken = (kubectl: Kubectl, token: string): Promise<string> =>
  kubectl.call(['create', '-f', '-'], { input: JSON.stringify(secretOf(token)) });

export const newToken = (): string =>
  `${randomBytes(3).toString('hex')}.${randomBytes(8).toString('hex')}`;

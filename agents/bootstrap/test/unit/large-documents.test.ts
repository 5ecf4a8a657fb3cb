import { describe, expect, it } from 'vitest';

import { checkNetwork } from '../../src/core/document/network.ts';
import { BootstrapError } from '../../src/core/faults/errors.ts';
import { parseDocument } from '../support/documents.ts';
import { workOf } from '../support/work.ts';

const many = (count: number, make: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => make(index)).join('\n');

const OURS = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';
const KUBEADM = 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n';
const EKS = 'apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n';
const JOIN = 'kubeadm join cp.example.com:6443 --token abcdef.0123456789abcdef';

/** Texts with many of one thing. */
const TEXTS: Readonly<Record<string, (count: number) => string>> = {
  'unknown fields': (count) => OURS + many(count, (at) => `key${at}: 1`),
  labels: (count) => `${OURS}node:\n  labels:\n${many(count, (at) => `    key${at}: v`)}`,
  'fields of kubelet': (count) =>
    `${OURS}kubelet:\n  config:\n${many(count, (at) => `    key${at}: v`)}`,
  'keys between braces': (count) => `${OURS}sysctls: {${many(count, (at) => `key${at},`)}}`,
  'merged keys': (count) => `${OURS}sysctls:\n  <<: {${many(count, (at) => `key${at},`)}}\n  a: b`,
  'a key twice': (count) => `${OURS}${many(count, (at) => `key${at}: 1`)}\nkey1: 2`,
  files: (count) => `${OURS}files:\n${many(count, (at) => `- {path: /f${at}, content: a}`)}`,
  'unknown fields of files': (count) => `${OURS}files:\n${many(count, () => '- {contents: a}')}`,
  taints: (count) =>
    `${OURS}node:\n  taints:\n${many(count, (at) => `  - {key: k${at}, effect: NoSchedule}`)}`,
  'network cards': (count) =>
    `${OURS}network: {version: 2, ethernets: {${many(count, (at) => `eth${at}: {},`)}}}`,
  'VLANs on VLANs': (count) =>
    `${OURS}network: {version: 2, vlans: {${many(count, (at) => `v${at}: {id: 1, link: v${at + 1}},`)}}}`,
  routes: (count) =>
    `${OURS}network: {version: 2, ethernets: {eth0: {routes: [${many(count, (at) => `{to: 10.0.${at % 256}.0/24, via: 10.0.0.1},`)}]}}}`,
  'arguments of kubelet': (count) =>
    `${KUBEADM}nodeRegistration:\n  kubeletExtraArgs:\n${many(count, (at) => `  - {name: a${at}, value: b}`)}`,
  'flags of a NodeConfig': (count) =>
    `${EKS}spec:\n  kubelet:\n    flags:\n${many(count, (at) => `    - --a${at}=b`)}`,
  'lines of a command': (count) => `${JOIN} ${many(count, (at) => `--v=${at} \\`)}`,
  'lines of a torn word': (count) => `${JOIN} --node-name ${many(count, () => 'a\\')}`,
  commands: (count) => many(count, () => JOIN),
  'lines around a command': (count) => `${JOIN}\n${many(count, (at) => `[preflight] ${at}`)}`,
  'words of a command': (count) => `${JOIN} ${many(count, (at) => `w${at} \\`)}`,
  'keys of cloud-init': (count) => `#cloud-config\n${many(count, (at) => `key${at}: 1`)}`,
  'commands of cloud-init': (count) =>
    `#cloud-config\nruncmd:\n${many(count, (at) => `- echo ${at}`)}\n- ${JOIN}`,
  'keys of a template': (count) =>
    `## template: jinja\n#cloud-config\n${many(count, (at) => `key${at}: "{{ v1.name }}"`)}`,
  'empty documents': (count) => OURS + many(count, () => '---'),
  'headers of MIME': (count) => `MIME-Version: 1.0\n${many(count, (at) => `X-${at}: a`)}\n\na`,
};

async function read(text: string): Promise<void> {
  try {
    const { document } = parseDocument('user-data', text);
    await checkNetwork('user-data', document);
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
  }
}

describe('twice as large a text is about twice the work', () => {
  it.each(Object.entries(TEXTS))('with many %s', async (_what, make) => {
    // What is done once, such as a table that is made at its first use.
    await read(make(10));
    const once = await workOf(() => read(make(400)));
    const twice = await workOf(() => read(make(800)));
    expect(twice / once).toBeLessThan(2.4);
  });
});

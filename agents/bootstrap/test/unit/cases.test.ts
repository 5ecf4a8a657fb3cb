import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { reportUserData } from '../../src/verbs/check-userdata.ts';

const VECTORS = path.join(import.meta.dirname, '../vectors');
const LINE = {
  cluster: { endpoint: 'https://192.0.2.10:6443' },
  auth: { bootstrapToken: '…' },
};
const SHOP = { cluster: { name: 'shop' }, auth: { awsIamAuthenticator: { clusterId: 'shop' } } };

/** What people have in their hands, and what `check-userdata` reads from it. */
const JOINS: readonly (readonly [file: string, document: object, warnings: readonly string[]])[] = [
  ['documents/nodeconfig-second-part-without-cluster.txt', {
    ...SHOP,
    node: { labels: { role: 'web', team: 'red' }, taints: [{ key: 'dedicated' }] },
    kubelet: { config: { maxPods: 58, systemReserved: { cpu: '150m' } } },
  }, []],
  ['documents/karpenter-quoted-labels.txt', {
    ...SHOP,
    node: { labels: { 'karpenter.sh/nodepool': 'general', 'karpenter.k8s.aws/ec2nodeclass': 'default', team: 'red' } },
  }, []],
  ['cases/03-join-line-v-8.txt', LINE, []],
  ['cases/03b-join-line-comment.txt', LINE, []],
  ['cases/03c-join-line-continuation-prompt.txt', LINE, []],
  ['cases/03h-join-line-comment-before.txt', LINE, []],
  ['documents/nodeconfig-instance-id-node-name.yaml', { ...SHOP, node: { nameFrom: 'instanceId' } }, []],
  ['cases/09-cluster-api-jinja.txt', LINE, []],
  ['cases/10-kubeadm-fields-dropped.yaml', LINE, ['patches', 'skipPhases', 'nodeRegistration.ignorePreflightErrors', 'nodeRegistration.imagePullPolicy']],
  ['cases/11-two-tokens.txt', { ...LINE, auth: { bootstrapToken: '…', discoveryToken: '…' } }, []],
  ['cases/12-several-documents.yaml', LINE, ['document 2']],
  ['cases/15-mime-part-base64-gzip.txt', SHOP, []],
  ['documents/nodeconfig-flags-and-config.yaml', { ...SHOP, node: { maxPods: 29, taints: [{ key: 'dedicated' }] } }, []],
  ['documents/nodeconfig-null-sections.yaml', SHOP, []],
  ['cases/19-mime-leading-newline.txt', SHOP, []],
  ['documents/join-line-unsafe.txt', LINE, ['--node-name', '--discovery-token-unsafe-skip-ca-verification']],
]; // prettier-ignore

const REFUSED: readonly (readonly [file: string, code: number, words: readonly string[]])[] = [
  ['cases/04-node-name-67.txt', 78, ['--node-name: ']],
  ['cases/06-name-75.yaml', 78, ["node.name: has 75 characters; a node's name may have 63"]],
  ['documents/kubelet-types.yaml', 78, ['kubelet.config.maxPods: must be a number', 'systemReserved.cpu: must be text; put it in quotes']],
  ['documents/join-line-without-hash.txt', 78, ['.txt: --discovery-token-ca-cert-hash: is required where there is no caBundle']],
  ['documents/join-misspelt-hashes.yaml', 78, ['.yaml: discovery.bootstrapToken.caCertHashes: is required where']],
  ['documents/cluster-without-hashes.yaml', 78, ['.yaml: cluster.caCertHashes: is required where there is no caBundle']],
  ['cases/20-v1beta2.yaml', 78, ['kubeadm.k8s.io/v1beta2 is not read; v1beta3 and v1beta4 are']],
  ['documents/nodeconfig-hybrid.yaml', 78, ['spec.hybrid: hybrid nodes are not supported']],
  ['documents/files-in-wrong-places.yaml', 78, ['files-in-wrong-places.yaml: files.0.path: must be below', 'files.1.path: must be a plain path']],
  ['cases/26-mime-no-blank-line.txt', 65, ['the empty line is missing']],
]; // prettier-ignore

describe('a case that joins', () => {
  it.each(JOINS)('%s', { timeout: 30_000 }, async (file, document, warnings) => {
    const { report, exitCode } = await reportUserData(path.join(VECTORS, file));
    expect([exitCode, report.verdict]).toEqual([0, 'joins']);
    expect(report.document).toMatchObject(document);
    const paths = report.warnings?.map(({ path: at }) => at) ?? [];
    expect(paths).toEqual(expect.arrayContaining([...warnings]));
  });
});

describe('a case that is refused', () => {
  it.each(REFUSED)('%s', { timeout: 30_000 }, async (file, code, words) => {
    const { report, exitCode } = await reportUserData(path.join(VECTORS, file));
    expect([exitCode, report.verdict]).toEqual([code, 'refused']);
    for (const word of words) expect(report.fault?.message).toContain(word);
    expect(report.fault?.message).not.toContain('4f6d2b8a9c3e7d10');
    expect(report.fault?.remedy).toBe('Correct that file.');
  });
});

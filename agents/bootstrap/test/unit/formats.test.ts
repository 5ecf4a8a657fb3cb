import { describe, expect, it } from 'vitest';

import { originsOf } from '../../src/core/document/merge.ts';
import type { ParsedDocument } from '../../src/core/document/parsed-document.ts';
import { BootstrapError } from '../../src/core/faults/errors.ts';
import { parseDocument } from '../support/documents.ts';

const TOKEN = 'abcdef.0123456789abcdef';
const HASH = `sha256:${'a'.repeat(64)}`;
const read = (text: string): ParsedDocument => parseDocument('u', text);

const NODE_CONFIG = `apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    name: prod
    apiServerEndpoint: https://ABC.gr7.eu-west-1.eks.amazonaws.com
    certificateAuthority: QUJD
    cidr: 172.20.0.0/16
  containerd: {config: "x"}
  kubelet:
    config: {maxPods: 29}
    flags:
      - --node-labels=team=a,pool=b
      - --register-with-taints=gpu=true:NoSchedule,slow:NoExecute
      - --v=4
`;

describe("EKS's NodeConfig", () => {
  const { document, kind, warnings } = read(NODE_CONFIG);

  it('becomes a document that authenticates with the IAM role', () => {
    expect(kind).toBe('NodeConfig');
    expect(document).toMatchObject({
      cluster: {
        name: 'prod',
        endpoint: 'https://ABC.gr7.eu-west-1.eks.amazonaws.com:443',
        caBundle: 'QUJD',
      },
      auth: { awsIamAuthenticator: { clusterId: 'prod' } },
      node: {
        labels: { team: 'a', pool: 'b' },
        taints: [
          { key: 'gpu', value: 'true', effect: 'NoSchedule' },
          { key: 'slow', effect: 'NoExecute' },
        ],
      },
      kubelet: { config: { clusterDNS: ['172.20.0.10'], maxPods: 29 } },
    });
  });

  it('names the fields without effect', () => {
    expect(warnings.map(({ path }) => path)).toEqual(['spec.kubelet.flags.v', 'spec.containerd']);
  });

  it.each([
    ['172.20.0.0/16', ['172.20.0.10']],
    ['fd30:1c53:5f8a::/108', ['fd30:1c53:5f8a::a']],
    ['fd12:3456:789a:0:0:0:0:0/108', ['fd12:3456:789a::a']],
    ['""', undefined],
  ])('with services in %s has its name server at %s', (cidr, dns) => {
    const changed = read(NODE_CONFIG.replace('172.20.0.0/16', cidr)).document;
    expect(changed.kubelet?.config?.['clusterDNS']).toEqual(dns);
  });

  it.each(['nonsense', '172.20.0.0', '300.1.2.0/16', '172.20.0.0/33'])('with services in %s is refused', (cidr) => {
    expect(() => read(NODE_CONFIG.replace('172.20.0.0/16', cidr))).toThrow('spec.cluster.cidr: must be a network such as 172.20.0.0/16');
  }); // prettier-ignore

  it.each([
    ['${CLUSTER_NAME}', '${CLUSTER_NAME} is a placeholder; put the value in its place'],
    ['"{{ cluster_name }}"', '{{ cluster_name }} is a placeholder'],
    ['<cluster-name>', '<cluster-name> is a placeholder'],
    ['a cluster', 'is not the name of an EKS cluster'],
  ])('with the name %s is refused', (name, why) => {
    expect(() => read(NODE_CONFIG.replace('name: prod', `name: ${name}`))).toThrow(`spec.cluster.name: ${why}`);
  }); // prettier-ignore

  it('without its cluster is refused with the path', () => {
    expect(() => read('apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec: {}')).toThrow(
      'spec.cluster',
    );
  });
});

const mime = (...parts: readonly string[]): string =>
  [
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed;',
    ' boundary="=-B"',
    '',
    'preamble',
    ...parts.flatMap((part) => ['--=-B', part]),
    '--=-B--',
    'epilogue',
  ].join('\r\n');

describe('MIME', () => {
  const node = `Content-Type: application/node.eks.aws\r\n\r\n${NODE_CONFIG}`;
  const shell = 'Content-Type: text/x-shellscript; charset="us-ascii"\r\n\r\n#!/bin/sh\necho hi\n';

  it('the part for a node is read; one for a shell is skipped with a warning', () => {
    const { document, kind, warnings } = read(mime(shell, node));
    expect(kind).toBe('MIME, NodeConfig');
    expect(document.cluster?.name).toBe('prod');
    expect(warnings[0]).toEqual({ path: 'part 1', why: 'text/x-shellscript is skipped' });
  });

  it('parts merge in their order, encoded ones too', () => {
    const later = NODE_CONFIG.replace('maxPods: 29', 'maxPods: 7');
    const packed = `Content-Type: application/node.eks.aws\nContent-Transfer-Encoding: base64\n\n${btoa(later)}`;
    expect(read(mime(node, packed)).document.kubelet?.config?.['maxPods']).toBe(7);
  });

  it('names a part that is for another program', () => {
    const kubeconfig =
      'Content-Type: application/yaml\n\napiVersion: v1\nkind: Config\nclusters: []\n';
    const { warnings } = read(mime(node, kubeconfig));
    expect(warnings.map(({ why }) => why).join()).toContain('kubeconfig');
  });

  it.each([
    ['without a boundary', 'MIME-Version: 1.0\nContent-Type: multipart/mixed\n\n--x\n\na'],
    ['with nothing for us', mime(shell)],
    ['with more parts than anybody writes', mime(...Array.from({ length: 200 }, () => shell))],
  ])('%s is refused', (_name, text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'KIOS_BOOTSTRAP_DOCUMENT' }));
  });
});

describe('a kubeadm join line', () => {
  const line = `kubeadm join 10.0.0.1:6443 --token ${TOKEN} --discovery-token-ca-cert-hash ${HASH}`;
  const wanted = {
    cluster: { endpoint: 'https://10.0.0.1:6443', caCertHashes: [HASH] },
    auth: { bootstrapToken: TOKEN },
  };

  it.each([
    ['as printed', line],
    ['with sudo', `sudo ${line}\n`],
    ['broken over lines', line.replaceAll(' --', ' \\\r\n    --')],
    ['with equals signs', line.replaceAll(/(--[a-z-]+) /g, '$1=')],
    ['with quotes', line.replace(TOKEN, `"${TOKEN}"`)],
    ['with the endpoint last', `kubeadm join ${line.slice(27)} 10.0.0.1:6443`],
  ])('%s', (_name, text) => {
    const { document, kind, warnings } = read(text);
    expect(kind).toBe('kubeadm join');
    expect(document).toMatchObject(wanted);
    expect(warnings).toEqual([]);
  });

  it('has a node name; unknown flags give a warning', () => {
    const { document, warnings } = read(
      `${line} --node-name n1 --cri-socket x --certificate-key k`,
    );
    expect(document.node?.name).toBe('n1');
    expect(warnings).toEqual([{ path: '--certificate-key', why: 'it has no effect here' }]);
  });

  it.each([
    ['for a control plane', `${line} --control-plane`, '--control-plane'],
    ['with a torn token', line.replace(TOKEN, TOKEN.slice(0, 9)), '--token'],
    ['without a token', 'kubeadm join h:6443', '--token: is required'],
    ['with a torn hash', line.slice(0, -3), '--discovery-token-ca-cert-hash.0'],
  ])('%s is refused without quoting the token', (_name, text, why) => {
    let message = '';
    try {
      read(text);
    } catch (error) {
      if (error instanceof BootstrapError) ({ message } = error);
    }
    expect(message).toContain(why);
    expect(message).not.toContain(TOKEN.slice(7, 9));
  });
});

const joinConfiguration = (
  args: string,
  version = 'v1beta4',
): string => `apiVersion: kubeadm.k8s.io/${version}
kind: JoinConfiguration
discovery:
  bootstrapToken: {apiServerEndpoint: "h:6443", token: ${TOKEN}, caCertHashes: ["${HASH}"]}
nodeRegistration:
  name: n1
  criSocket: unix:///x
  taints: [{key: a, effect: NoSchedule}]
  kubeletExtraArgs: ${args}
`;

describe("kubeadm's JoinConfiguration", () => {
  it.each([
    ['v1beta4', '[{name: node-labels, value: "a=1"}, {name: node-ip, value: 10.0.0.2}]'],
    ['v1beta3', '{node-labels: "a=1", node-ip: 10.0.0.2}'],
  ])('of %s', (version, args) => {
    expect(read(joinConfiguration(args, version)).document).toMatchObject({
      cluster: { endpoint: 'https://h:6443', caCertHashes: [HASH] },
      auth: { bootstrapToken: TOKEN },
      node: {
        name: 'n1',
        ip: '10.0.0.2',
        labels: { a: '1' },
        taints: [{ key: 'a', effect: 'NoSchedule' }],
      },
    });
  });

  it('by file is refused, because the node has no such file', () => {
    const file = 'apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n';
    expect(() => read(`${file}discovery: {file: {kubeConfigPath: /x}}`)).toThrow(
      'discovery.file: discovery by file is not for a node',
    );
  });
});

it('the document of kios-aws joins an EKS cluster', () => {
  const { document, warnings } = read(`apiVersion: kios.redcoat.dev/v1alpha1
kind: MetadataInformation
apiServer: {name: prod, endpoint: https://x.eks.amazonaws.com, b64ClusterCA: QUJD}
node: {labels: {a: b}, maxPods: {set: true}, kubeletConfiguration: "maxPods: 9"}
`);
  expect(document).toMatchObject({
    cluster: { name: 'prod', endpoint: 'https://x.eks.amazonaws.com:443', caBundle: 'QUJD' },
    auth: { awsIamAuthenticator: { clusterId: 'prod' } },
    node: { labels: { a: 'b' } },
    kubelet: { config: { maxPods: 9 } },
  });
  expect(warnings).toHaveLength(1);
});

it('a second token does not show either', () => {
  const head = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';
  const auth = `auth: {bootstrapToken: ${TOKEN}, discoveryToken: ghijkl.9876543210fedcba}`;
  const parts = [{ source: 'u', ...read(head + auth) }];
  expect(originsOf(parts)).toEqual([
    { path: 'auth.bootstrapToken', value: '…', from: 'u' },
    { path: 'auth.discoveryToken', value: '…', from: 'u' },
  ]);
});

it('each value has its origin, and secrets do not show', () => {
  const head = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';
  const parts = [
    { source: 'image', ...read(`${head}node: {labels: {x.example/a: "1", b: "1"}, maxPods: 5}`) },
    {
      source: 'cloud',
      ...read(`${head}auth: {bootstrapToken: ${TOKEN}}\nnode: {labels: {x.example/a: "2"}}`),
    },
  ];
  expect(originsOf(parts)).toEqual([
    { path: 'node.labels.x.example/a', value: '2', from: 'cloud' },
    { path: 'node.labels.b', value: '1', from: 'image' },
    { path: 'node.maxPods', value: 5, from: 'image' },
    { path: 'auth.bootstrapToken', value: '…', from: 'cloud' },
  ]);
});

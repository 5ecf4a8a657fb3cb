import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';

import type { ParsedDocument } from '../../src/core/document/parsed-document.ts';
import { BootstrapError } from '../../src/core/faults/errors.ts';
import { parseDocument } from '../support/documents.ts';

const HEAD = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';
const read = (yaml: string): ParsedDocument => parseDocument('d', HEAD + yaml);
const readConfig = (config: string): ParsedDocument => read(`kubelet: {config: ${config}}`);

function faultOf(yaml: string): string {
  try {
    read(yaml);
  } catch (error) {
    if (error instanceof BootstrapError) return error.message;
    throw error;
  }
  return '';
}
const vector = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, '../vectors/documents', name), 'utf8');

describe('fields of kubelet', () => {
  it('of a wrong type are refused before a kubelet gets them', () => {
    expect(() => parseDocument('d', vector('kubelet-types.yaml'))).toThrow(
      'read d: kubelet.config.maxPods: must be a number; kubelet.config.systemReserved.cpu: must be text; put it in quotes',
    );
  });

  it.each([
    ['{maxPods: 1.5}', 'maxPods: must be a whole number'],
    ['{maxPods: 3000000000}', 'maxPods: must be from -2147483648 to 2147483647'],
    ['{failSwapOn: "no"}', 'failSwapOn: must be true or false'],
    ['{clusterDNS: 10.0.0.1}', 'clusterDNS: must be a list'],
    ['{clusterDNS: [null]}', 'clusterDNS.0: must be text'],
    ['{evictionHard: {memory.available: 5}}', 'evictionHard.memory.available: must be text; put it in quotes'],
    ['{evictionHard: [a]}', 'evictionHard: must be a map'],
    ['{nodeStatusUpdateFrequency: 10}', 'nodeStatusUpdateFrequency: must be a duration such as 10s'],
    ['{nodeStatusUpdateFrequency: soon}', 'nodeStatusUpdateFrequency: must be a duration such as 10s'],
    ['{logging: {flushFrequency: soon}}', 'logging.flushFrequency: must be a duration'],
    ['{logging: {verbosity: -1}}', 'logging.verbosity: must be from 0'],
    ['{memoryThrottlingFactor: half}', 'memoryThrottlingFactor: must be a number'],
    ['{reservedMemory: [{numaNode: 0, limits: {memory: 1 GB}}]}', 'reservedMemory.0.limits.memory: must be a quantity such as 128Mi'],
    ['{authentication: {x509: {clientCAFile: 5}}}', 'authentication.x509.clientCAFile: must be text'],
    ['{featureGates: {A: yes}}', 'featureGates.A: must be true or false'],
    ['{registerWithTaints: [{key: a}]}', 'registerWithTaints.0.effect: must be NoSchedule,'],
    ['{registerWithTaints: [{effect: NoExecute}]}', 'registerWithTaints.0.key: is required'],
    ['{registerWithTaints: [{key: a, effect: NoExecute, timeAdded: x}]}', 'registerWithTaints.0.timeAdded: must not be set'],
    ['{registerWithTaints: [{key: a, effect: NoExecute}, {key: a, value: b, effect: NoExecute}]}', 'registerWithTaints.1: has key and effect of another taint'],
  ])('%s is refused: %s', (config, why) => {
    expect(() => readConfig(config)).toThrow(`read d: kubelet.config.${why}`);
  }); // prettier-ignore

  it.each([
    '{apiVersion: kubelet.config.k8s.io/v1beta1, kind: KubeletConfiguration}',
    '{maxPods: 0, registryPullQPS: 0, podPidsLimit: -1, oomScoreAdj: -999}',
    '{nodeStatusUpdateFrequency: 1m30.5s, imageMinimumGCAge: "0", imageMaximumGCAge: 1h}',
    '{logging: {flushFrequency: 5000000000, verbosity: 4, vmodule: [{filePattern: a, verbosity: 1}]}}',
    '{reservedMemory: [{numaNode: 0, limits: {memory: 1Gi, hugepages-2Mi: 5}}]}',
    '{staticPodURLHeader: {a: [b, c]}, featureGates: {X: true}, memoryThrottlingFactor: 0.8}',
    '{registerWithTaints: [{key: a.example/b, value: "", effect: NoExecute}, {key: a.example/b, effect: NoSchedule}]}',
    '{authentication: {anonymous: {enabled: true}}, authorization: {mode: AlwaysAllow}}',
    '{evictionHard: {}, tracing: {}, userNamespaces: {idsPerPod: 65536}}',
  ])('%s is taken without a word', (config) => {
    expect(readConfig(config).warnings).toEqual([]);
  });

  it('that kubelet does not have give a line each, with the nearest', () => {
    expect(readConfig('{maxPod: 5, memorySwap: {swap: x}, toString: 1}').warnings).toEqual([
      { path: 'kubelet.config.maxPod', why: 'is not a known field; the nearest is maxPods' },
      {
        path: 'kubelet.config.memorySwap.swap',
        why: expect.stringContaining('not a known field') as unknown,
      },
      {
        path: 'kubelet.config.toString',
        why: expect.stringContaining('not a known field') as unknown,
      },
    ]);
  });

  it('of many names and endless digits are read in no time', () => {
    const many = Array.from({ length: 5000 }, (_, n) => `unknownField${n}: 1`).join(', ');
    expect(readConfig(`{${many}}`).warnings).toHaveLength(5000);
    const digits = '1'.repeat(500_000);
    expect(faultOf(`kubelet: {config: {syncFrequency: "${digits}"}}`)).toContain('a duration');
    const limits = `{memory: "${digits}x"}`;
    expect(
      faultOf(`kubelet: {config: {reservedMemory: [{numaNode: 0, limits: ${limits}}]}}`),
    ).toContain('a quantity');
  });

  it('of any value give a document or a fault that does not quote it', () => {
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom('s3cret', 's3cret 5', true, 5, 1.5, -1),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(
          fc.constantFrom('maxPods', 'logging', 'registerWithTaints', 'key', 'effect', 'options'),
          tie('any'),
          { maxKeys: 4 },
        ),
      ),
    })).any;
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('registerWithTaints', 'logging', 'clusterDNS', 'evictionHard'), value), (config) => {
        expect(faultOf(stringify({ kubelet: { config } }))).not.toContain('s3cret');
      }),
    ); // prettier-ignore
  });
});

describe('taints of a document', () => {
  it.each([
    ['{key: "a b", effect: NoExecute}', 'node.taints.0.key: not a label name'],
    ['{key: "-/a", effect: NoExecute}', 'node.taints.0.key: prefix is not a DNS name'],
    ['{key: a, value: "b c", effect: NoExecute}', 'node.taints.0.value: not a label value'],
    ['{key: a, effect: NoExecute}, {key: a, value: b, effect: NoExecute}', 'node.taints.1: has key and effect of another taint'],
  ])('%s are refused: %s', (taints, why) => {
    expect(() => read(`node: {taints: [${taints}]}`)).toThrow(why);
  }); // prettier-ignore

  it('may be those of Kubernetes, which no label of a node may be', () => {
    const taint = { key: 'node.cloudprovider.kubernetes.io/uninitialized', value: 'true', effect: 'NoSchedule' }; // prettier-ignore
    expect(read(stringify({ node: { taints: [taint] } })).document.node?.taints).toEqual([taint]);
  });
});

describe("kubeadm's kubeletExtraArgs", () => {
  it('name the field of each flag that is one', () => {
    const { document, warnings } = parseDocument('d', vector('kubeadm-kubelet-extra-args.yaml'));
    expect(document.node).toMatchObject({
      labels: { 'node-role.kubernetes.io/worker': '', 'example.com/pool': 'gpu' },
      taints: [{ key: 'dedicated', value: 'gpu', effect: 'NoSchedule' }],
      maxPods: 60,
      cloudProvider: 'external',
    });
    const told = warnings.map(({ path: at, why }) => `${at}: ${why}`);
    const args = 'nodeRegistration.kubeletExtraArgs';
    const why = 'it has no effect here; its field is kubelet.config';
    expect(told).toEqual([
      `${args}.system-reserved: ${why}.systemReserved`,
      `${args}.eviction-hard: ${why}.evictionHard`,
      `${args}.rotate-server-certificates: ${why}.serverTLSBootstrap`,
      `${args}.feature-gates: ${why}.featureGates`,
    ]);
  });

  it.each([
    ['node-ip', 'fe80::1%eth0', 'must be auto, or one or two addresses'],
    ['provider-id', 'x y', 'must not have blanks'],
    ['register-with-taints', 'a b:NoSchedule', '0.key: not a label name'],
    ['max-pods', '0', 'must be a whole number of 1 or more'],
  ])('with %s=%s are refused by the path that was written', (name, value, why) => {
    const text = vector('kubeadm-kubelet-extra-args.yaml').replace(
      '{name: max-pods, value: "60"}',
      JSON.stringify({ name, value }),
    );
    expect(() => parseDocument('d', text)).toThrow(
      `read d: nodeRegistration.kubeletExtraArgs.${name}: ${why}`,
    );
  });
});

const metadata = (node: string): string =>
  `apiVersion: kios.redcoat.dev/v1alpha1\nkind: MetadataInformation\napiServer: {name: a, endpoint: "https://x.example", b64ClusterCA: QUJD}\nnode: ${node}\n`;

describe('the document of kios-aws', () => {
  it('is told by its own paths', () => {
    expect(() => parseDocument('d', metadata('{kubeletConfiguration: "maxPods: x"}'))).toThrow(
      'read d: node.kubeletConfiguration.maxPods: must be a number',
    );
    expect(parseDocument('d', metadata('{kubeletConfiguration: "", lables: {}}')).warnings).toEqual(
      [{ path: 'node.lables', why: 'is not a known field; the nearest is labels' }],
    );
  });
});

describe('a field without a value', () => {
  it('is absent in every optional place', () => {
    const { document } = read(`cluster:
auth:
node: {name: null, ip: ~, taints: null, providerID: null, maxPods: null, nameFrom: null}
kubelet: {config: {maxPods: null, systemReserved: {cpu: null}, authentication: null}}
credentialProviders:
registries: {a.example: {caBundle: null, username: null, password: null}}
network:
sysctls:
files: [{path: /etc/kios/mine/a, mode: null, content: "", contentBase64: null}]
`);
    expect(document).toEqual({
      apiVersion: 'kios.dev/v1',
      kind: 'NodeBootstrap',
      node: {},
      kubelet: { config: { systemReserved: {} } },
      registries: { 'a.example': {} },
      files: [{ path: '/etc/kios/mine/a', mode: '0644', content: '' }],
    });
  });

  it('means something in a network, and is named among labels', () => {
    const { document } = read('network: {ethernets: {eth0: null}}\nnode: {labels: {a: null}}');
    expect(document.network).toEqual({ ethernets: { eth0: null } });
    expect(document.node?.labels).toEqual({ a: null });
  });

  it('is required where something must be', () => {
    expect(() => read('node: {taints: [{key: null, effect: NoExecute}]}')).toThrow(
      'node.taints.0.key: is required',
    );
  });
});

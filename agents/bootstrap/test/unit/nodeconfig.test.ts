import { readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import type { ParsedDocument } from '../../src/core/document/parsed-document.ts';
import { kubeletFragments } from '../../src/core/files/kubelet-config.ts';
import { checkLabels } from '../../src/core/node/labels.ts';
import { parseDocument } from '../support/documents.ts';

const read = (text: string): ParsedDocument => parseDocument('u', text);
const vector = (name: string): ParsedDocument =>
  read(readFileSync(path.join(import.meta.dirname, '../vectors/documents', name), 'utf8'));
const lines = ({ warnings }: ParsedDocument): string[] =>
  warnings.map(({ path: at, why }) => `${at}: ${why}`);

const CLUSTER = `cluster:
    name: shop
    apiServerEndpoint: https://0A1B.gr7.eu-central-1.eks.amazonaws.com
    certificateAuthority: QUJD`;
const nodeConfig = (rest: string, cluster = CLUSTER): string =>
  `apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\nspec:\n  ${cluster}\n  ${rest}\n`;
const withFlags = (...flags: readonly string[]): string =>
  nodeConfig(`kubelet: {flags: ${JSON.stringify(flags)}}`);
const taintsOf = (...flags: readonly string[]): unknown =>
  read(withFlags(...flags)).document.node?.taints;
const outpost = (more: string): string =>
  nodeConfig('', `${CLUSTER}\n    enableOutpost: true${more}`);

const mime = (...parts: readonly string[]): string =>
  [
    'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="//"\n',
    ...parts.map((part) => `--//\nContent-Type: application/node.eks.aws\n\n${part}`),
    '--//--\n',
  ].join('\n');

describe('several NodeConfigs', () => {
  it('need to be complete only together, as eksctl and managed node groups write them', () => {
    const reading = vector('nodeconfig-second-part-without-cluster.txt');
    expect(reading.kind).toBe('MIME, NodeConfig');
    expect(reading.warnings).toEqual([]);
    expect(reading.document).toMatchObject({
      cluster: { name: 'shop' },
      node: {
        labels: { 'eks.amazonaws.com/nodegroup': 'blue', role: 'web', team: 'red' },
        taints: [{ key: 'dedicated', value: 'web', effect: 'NoSchedule' }],
      },
      kubelet: {
        config: { maxPods: 58, clusterDNS: ['172.20.0.10'], systemReserved: { cpu: '150m' } },
      },
    });
  });

  it('may begin with one that lacks its name and authority', () => {
    const first = nodeConfig(
      'kubelet: {config: {maxPods: 7, kubeReserved: {cpu: 1m, memory: 2Mi}}}',
      'cluster: {apiServerEndpoint: "https://old.example"}',
    );
    const second = nodeConfig('kubelet: {config: {kubeReserved: {cpu: 5m}}}');
    const { document } = read(mime(first, second));
    expect(document.cluster?.endpoint).toBe('https://0A1B.gr7.eu-central-1.eks.amazonaws.com:443');
    expect(document.kubelet?.config).toEqual({
      maxPods: 7,
      kubeReserved: { cpu: '5m', memory: '2Mi' },
    });
  });

  it('may have one with only other sections, null ones and empty ones', () => {
    const others = nodeConfig('containerd: {config: x}\n  kubelet:', 'instance: {}');
    const { document, warnings } = read(
      mime(nodeConfig('kubelet: {flags: [--max-pods=9]}'), others),
    );
    expect(document.node).toEqual({ maxPods: 9 });
    expect(warnings).toEqual([{ path: 'spec.containerd', why: 'it has no effect here' }]);
  });

  it('replace lists other than the flags', () => {
    const parts = ['10.0.0.1', '10.0.0.2'].map((dns) =>
      nodeConfig(`kubelet: {config: {clusterDNS: [${dns}]}, flags: [--node-labels=a${dns}=1]}`),
    );
    const { document } = read(mime(...parts));
    expect(document.kubelet?.config?.['clusterDNS']).toEqual(['10.0.0.2']);
    expect(document.node?.labels).toEqual({ 'a10.0.0.1': '1', 'a10.0.0.2': '1' });
  });

  it('keep what a later one leaves empty of the cluster, as nodeadm does', () => {
    const later = nodeConfig('', 'cluster: {name: "", apiServerEndpoint: "", cidr: 10.1.0.0/16}');
    const { document } = read(mime(nodeConfig(''), later));
    expect(document.cluster?.name).toBe('shop');
    expect(document.kubelet?.config?.['clusterDNS']).toEqual(['10.1.0.10']);
  });

  it.each([
    ['its own config', [['config: {maxPods: 58}'], ['flags: [--max-pods=29]']]],
    ['the config of a later one', [['flags: [--max-pods=29]'], ['config: {maxPods: 58}']]],
  ])('have flags that win over %s', (_whose, parts) => {
    const { document } = read(
      mime(...parts.map(([kubelet]) => nodeConfig(`kubelet: {${kubelet}}`))),
    );
    expect(document.node?.maxPods).toBe(29);
    expect(document.kubelet?.config).toEqual({});
  });

  it('leave the place of the others: a later document of our own overrides them', () => {
    const own = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\nnode: {labels: {team: own}}';
    const { document, kind } = read(
      mime(withFlags('--node-labels=team=eks,pool=a'), own, withFlags('--node-labels=pool=b')),
    );
    expect(kind).toBe('MIME, NodeConfig and NodeBootstrap');
    expect(document.node?.labels).toEqual({ team: 'own', pool: 'b' });
  });

  it('are refused together by their own paths', () => {
    const broken = nodeConfig('kubelet: {config: {maxPods: many}}', 'cluster: {name: shop}');
    expect(() => read(mime(broken, broken))).toThrow(
      'read u: spec.cluster.apiServerEndpoint: is required; spec.cluster.certificateAuthority: is required',
    );
  });
});

describe("kubelet's flags in a NodeConfig", () => {
  it("are split as a command line: Karpenter's quoted labels", () => {
    const reading = vector('karpenter-quoted-labels.txt');
    expect(reading.document.node?.labels).toEqual({
      'karpenter.k8s.aws/ec2nodeclass': 'default',
      'karpenter.sh/capacity-type': 'spot',
      'karpenter.sh/nodepool': 'general',
      team: 'red',
    });
    expect(checkLabels(reading.document.node?.labels ?? {}).dropped).toEqual([]);
    // Its empty containerd, instance and metadata are worth no line; the shell's part is.
    expect(lines(reading)).toEqual(['part 1: text/x-shellscript is skipped']);
  });

  it.each<readonly [string, readonly string[]]>([
    ['with an equals sign', ['--node-labels=a=1,b=2']],
    ['as two words', ['--node-labels a=1,b=2']],
    ['as two items', ['--node-labels', 'a=1,b=2']],
    ['in single quotes', ["--node-labels='a=1,b=2'"]],
    ['in quotes as a whole', ['"--node-labels=a=1,b=2"']],
    ['quoted in the middle', ['--node-labels=a="1",b=2']],
    ['escaped', [String.raw`--node-labels=a=1\,b=2`]],
    ['given twice', ['--node-labels=a=1', '--node-labels=b=2']],
    ['several in one item', ['--node-labels=a=1 --node-labels=b=2']],
    ['in lines', ['--node-labels=a=1\n  --node-labels=b=2\n']],
    ['with empty items', ['--node-labels=,a=1,,b=2,']],
    ['with blanks in quotes', ['--node-labels="a=1, b = 2"']],
  ])('labels %s', (_how, flags) => {
    const { document, warnings } = read(withFlags(...flags));
    expect(document.node?.labels).toEqual({ a: '1', b: '2' });
    expect(warnings).toEqual([]);
  });

  it('taints: the last flag counts, an empty item is none, an empty value is no taint at all', () => {
    const a = { key: 'a', effect: 'NoExecute' };
    expect(taintsOf('--register-with-taints=b:NoSchedule', '--register-with-taints "a:NoExecute,"')).toEqual([a]); // prettier-ignore
    expect(taintsOf('--register-with-taints=')).toEqual([]);
    expect(taintsOf('--register-with-taints=a=:NoExecute')).toEqual([{ ...a, value: '' }]);
  });

  it('win over its config', () => {
    const { document } = vector('nodeconfig-flags-and-config.yaml');
    const { node, user } = kubeletFragments(document, undefined, undefined);
    expect(node).toMatchObject({
      maxPods: 29,
      registerWithTaints: [{ key: 'dedicated', value: 'web', effect: 'NoSchedule' }],
    });
    expect(user).toBeUndefined();
  });

  it('win one by one: fields without a flag stay', () => {
    const text = nodeConfig(
      'kubelet: {config: {maxPods: 1, providerID: b, podsPerCore: 3, registerWithTaints: []}, flags: ["--provider-id a"]}',
    );
    const { document } = read(text);
    expect(document.node).toEqual({ providerID: 'a' });
    expect(document.kubelet?.config).toEqual({
      maxPods: 1,
      podsPerCore: 3,
      registerWithTaints: [],
    });
  });

  it.each<readonly [flag: string, line: string]>([
    ['--system-reserved=cpu=1', 'system-reserved: it has no effect here; its field is spec.kubelet.config.systemReserved'],
    ['-v 4', 'v: it has no effect here; its field is spec.kubelet.config.logging.verbosity'],
    ['-v=4', 'v: it has no effect here; its field is spec.kubelet.config.logging.verbosity'],
    ['--oom-score-adj -999', 'oom-score-adj: it has no effect here; its field is spec.kubelet.config.oomScoreAdj'],
    ['--anonymous-auth', 'anonymous-auth: it has no effect here; its field is spec.kubelet.config.authentication.anonymous.enabled'],
    ['--kubeconfig=/x', 'kubeconfig: it has no effect here'],
    ['--node-label=a=b', 'node-label: is not a flag of kubelet; the nearest is node-labels'],
    ['--network-plugin=cni', 'network-plugin: is not a flag of kubelet'],
    ['--toString=1', 'toString: is not a flag of kubelet'],
  ])('%s gives one line', (flag, line) => {
    const [only, ...others] = lines(read(withFlags(flag)));
    expect(only).toContain(`spec.kubelet.flags.${line}`);
    expect(others).toEqual([]);
  }); // prettier-ignore

  it('a word that belongs to no flag is named', () => {
    expect(lines(read(withFlags('--node-labels=a=1, b=2')))).toEqual([
      'spec.kubelet.flags: "b=2" belongs to no flag; a value with blanks needs quotes',
    ]);
    expect(lines(read(withFlags('-node-labels=a=1')))[0]).toContain('"-node-labels=a=1" belongs');
  });

  it.each([
    ['--node-ip=fe80::1%eth0', 'node-ip: must be auto, or one or two addresses'],
    ['--node-ip=', 'node-ip: must not be empty'],
    ['--provider-id="x y"', 'provider-id: must not have blanks'],
    ['--max-pods=many', 'max-pods: must be a whole number of 1 or more'],
    ['--hostname-override=a/b', 'hostname-override: is not a DNS name'],
    ['--register-with-taints=a=b', 'register-with-taints: must be key=value:Effect'],
    ['--register-with-taints=a:Never', 'the effect must be NoSchedule,'],
    ['--register-with-taints=a!:NoSchedule', 'register-with-taints: 0.key: not a label name'],
    ['--register-with-taints=a=/:NoSchedule', 'register-with-taints: 0.value: not a label value'],
    ['--register-with-taints=a:NoExecute,a=1:NoExecute', '1: has key and effect of another taint'],
    ['--node-labels="a=1', 'read u: spec.kubelet.flags: a quote is not closed'],
    ['--node-labels=a=1\\', 'read u: spec.kubelet.flags: a quote is not closed'],
  ])('%s is refused', (flag, why) => {
    expect(() => read(withFlags(flag))).toThrow(why);
    expect(() => read(withFlags(flag))).toThrow('read u: spec.kubelet.flags');
  });
});

it('flags of more characters than anybody writes are refused', () => {
  const flag = `--node-labels=${'a=1,'.repeat(10_000)}`;
  expect(() => read(withFlags(flag))).toThrow('spec.kubelet.flags: have too many characters');
});

describe('a NodeConfig', () => {
  it('may name the node after its instance, unless a flag names it', () => {
    const { document, warnings } = vector('nodeconfig-instance-id-node-name.yaml');
    expect(document.node).toEqual({ nameFrom: 'instanceId' });
    expect(warnings).toEqual([]);
    const gates = 'featureGates: {InstanceIdNodeName: true}';
    const named = read(nodeConfig(`kubelet: {flags: [--hostname-override=n1]}\n  ${gates}`));
    expect(named.document.node).toEqual({ name: 'n1' });
    expect(read(nodeConfig(gates.replace('true', 'false'))).document.node).toEqual({});
  });

  it('may have sections without a value', () => {
    const { document, warnings } = vector('nodeconfig-null-sections.yaml');
    expect(document.cluster?.name).toBe('shop');
    expect(warnings).toEqual([]);
  });

  it('of a hybrid node is refused with the reason', () => {
    expect(() => vector('nodeconfig-hybrid.yaml')).toThrow(
      /spec\.hybrid: hybrid nodes are not supported; give .*spec\.cluster\.apiServerEndpoint: is required/,
    );
    expect(read(nodeConfig('hybrid: {}')).warnings).toEqual([]);
  });

  it('of an Outpost is known to the authenticator by its id', () => {
    expect(read(outpost('\n    id: 1-2-3')).document.auth).toEqual({
      awsIamAuthenticator: { clusterId: '1-2-3' },
    });
    expect(() => read(outpost(''))).toThrow('spec.cluster.id: is required');
  });

  it('has one line for each field without effect, and none for empty ones', () => {
    const reading = read(
      nodeConfig(`containerd: {config: "", baseRuntimeSpec: {process: {rlimits: []}}}
  instance: {localStorage: {strategy: RAID0}, storage: {}}
  featureGates: {FastImagePull: true, OSManagedNoManageENIs: false}
  kubelet: {maxPodsExpression: "default_enis * 2"}`),
    );
    expect(lines(reading)).toEqual([
      'spec.kubelet.maxPodsExpression: it is not evaluated here; set maxPods in spec.kubelet.config',
      'spec.instance: it has no effect here',
      'spec.featureGates.FastImagePull: it has no effect here',
    ]);
  });

  it('has one line for each unknown field at every level, with the nearest known one', () => {
    const reading = read(
      nodeConfig(
        `kubelet: {flag: [], config: {maxPod: 5, authentication: {webhok: {}}, evictionHard: {x: "1"}}}
  featureGates: {InstanceIDNodeNames: true}
  containerd: {konfig: 1}
  other: {a: 1}`,
        `${CLUSTER}\n    certificateAuthorities: x`,
      ),
    );
    expect(lines(reading)).toEqual([
      'spec.cluster.certificateAuthorities: is not a known field; the nearest is certificateAuthority',
      'spec.kubelet.flag: is not a known field; the nearest is flags',
      'spec.featureGates.InstanceIDNodeNames: is not a known field; the nearest is InstanceIdNodeName',
      'spec.containerd.konfig: is not a known field; the nearest is config',
      'spec.other: is not a known field',
      'spec.kubelet.config.maxPod: is not a known field; the nearest is maxPods',
      'spec.kubelet.config.authentication.webhok: is not a known field; the nearest is webhook',
    ]);
  });

  it.each([
    ['', 'cluster: {}', 'spec.cluster.name: is required'],
    ['', CLUSTER.replace('https://', 'http://'), 'apiServerEndpoint: must begin with https://'],
    ['', CLUSTER.replace('https://', ''), 'spec.cluster.apiServerEndpoint: must be a URL'],
    ['', CLUSTER.replace('.com', '.com/x'), 'apiServerEndpoint: must end after the port'],
    ['', CLUSTER.replace('shop', '5'), 'spec.cluster.name: must be text'],
    ['kubelet: 5', CLUSTER, 'spec.kubelet: must be a map'],
    ['kubelet: {config: []}', CLUSTER, 'spec.kubelet.config: must be a map'],
    ['kubelet: {flags: --v=4}', CLUSTER, 'spec.kubelet.flags: must be a list'],
    ['kubelet: {config: {maxPods: "29"}}', CLUSTER, 'spec.kubelet.config.maxPods: must be a number'],
    ['featureGates: {InstanceIdNodeName: "true"}', CLUSTER, 'InstanceIdNodeName: must be true or'],
    ['kubelet: {config: {registerWithTaints: [{key: "a b", effect: NoExecute}]}}', CLUSTER, 'spec.kubelet.config.registerWithTaints.0.key: not a label name'],
  ])('with %j and %j is refused: %s', (rest, cluster, why) => {
    expect(() => read(nodeConfig(rest, cluster))).toThrow(why);
  }); // prettier-ignore
});

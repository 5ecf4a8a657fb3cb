import { describe, expect, it } from 'vitest';

import { parseMetaData } from '../../src/core/document/meta-data.ts';
import type { ParsedDocument } from '../../src/core/document/parsed-document.ts';
import { parseDocument } from '../support/documents.ts';

const TOKEN = 'k1os01.4f6d2b8a9c3e7d10';
const OTHER_TOKEN = 'k1os02.0a9b8c7d6e5f4a3b';
const HASH = `sha256:${'5c'.repeat(32)}`;

const read = (text: string): ParsedDocument => parseDocument('join.yaml', text);

const join = (rest = '', version = 'v1beta4'): string => `apiVersion: kubeadm.k8s.io/${version}
kind: JoinConfiguration
discovery:
  bootstrapToken:
    apiServerEndpoint: 192.0.2.10:6443
    token: ${TOKEN}
    caCertHashes: ["${HASH}"]
${rest}`;
const KUBELET =
  'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 60\n';
const OWN = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\nnode: {name: n1}\n';

const WANTED = {
  cluster: { endpoint: 'https://192.0.2.10:6443', caCertHashes: [HASH] },
  auth: { bootstrapToken: TOKEN },
};

describe('JoinConfiguration', () => {
  it('names each field that a node does not carry out, at every level', () => {
    const { document, warnings } = read(
      join(`nodeRegistration:
  ignorePreflightErrors: [Swap]
  imagePullPolicy: Never
  criSocket: unix:///x
  kubeletExtraArg: []
  taints: [{key: a, effect: NoSchedule, timeAdded: null, colour: red}]
  kubeletExtraArgs: [{name: node-ip, value: 192.0.2.7, values: x}]
timeouts: {discovery: 5m}
caCertPath: /x
patches: {directory: /p}
skipPhases: [preflight]
hobby: chess
`),
    );
    expect(document).toMatchObject(WANTED);
    expect(document.node).toMatchObject({
      ip: '192.0.2.7',
      taints: [{ key: 'a', effect: 'NoSchedule' }],
    });
    expect(warnings.map(({ path, why }) => `${path}: ${why}`)).toEqual([
      'nodeRegistration.ignorePreflightErrors: it has no effect here',
      'nodeRegistration.imagePullPolicy: it has no effect here',
      'nodeRegistration.kubeletExtraArg: is not a known field; the nearest is kubeletExtraArgs',
      'nodeRegistration.taints.0.colour: is not a known field',
      'patches: it has no effect here',
      'skipPhases: it has no effect here',
      'hobby: is not a known field',
      'nodeRegistration.kubeletExtraArgs.0.values: is not a known field; the nearest is value',
    ]);
  });

  it('compares only so many names as a person mistypes', () => {
    const others = Array.from({ length: 2000 }, (_, at) => `kubeletExtraArg${at}: 1`).join('\n  ');
    const start = performance.now();
    const { warnings } = read(join(`nodeRegistration:\n  ${others}\n`));
    expect(warnings).toHaveLength(2000);
    expect(warnings.filter(({ why }) => why.includes('nearest'))).toHaveLength(20);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('takes empty sections as absent', () => {
    const text = join(`nodeRegistration:
controlPlane:
patches: null
`).replace(
      /caCertHashes.*/,
      'caCertHashes:\n    unsafeSkipCAVerification: true\n  file:\n  tlsBootstrapToken:',
    );
    expect(read(text)).toMatchObject({
      document: {
        cluster: { endpoint: 'https://192.0.2.10:6443', unsafeSkipCAVerification: true },
        auth: { bootstrapToken: TOKEN },
      },
      warnings: [],
    });
    const empty =
      'nodeRegistration:\n  name:\n  taints:\n  kubeletExtraArgs:\n  ignorePreflightErrors:\n';
    expect(read(join(empty))).toMatchObject({ document: { node: {} }, warnings: [] });
  });

  it('uses two tokens each for its own purpose', () => {
    const text = join().replace('discovery:', `discovery:\n  tlsBootstrapToken: ${OTHER_TOKEN}`);
    expect(read(text).document.auth).toEqual({
      bootstrapToken: OTHER_TOKEN,
      discoveryToken: TOKEN,
    });
  });

  it.each(['v1beta3', 'v1beta4'])("takes kubelet's flags of %s with dashes too", (version) => {
    const args = version === 'v1beta3' ? '{--max-pods: "40"}' : '[{name: --max-pods, value: "40"}]';
    const text = join(`nodeRegistration: {kubeletExtraArgs: ${args}}`, version);
    expect(read(text).document.node?.maxPods).toBe(40);
  });

  it("prefers kubelet's own argument to the field that becomes it, as kubeadm does", () => {
    const text = join(`nodeRegistration:
  name: by-field
  taints: []
  kubeletExtraArgs:
  - {name: hostname-override, value: by-argument}
  - {name: register-with-taints, value: "a:NoSchedule"}
`);
    expect(read(text).document.node).toEqual({
      name: 'by-argument',
      taints: [{ key: 'a', effect: 'NoSchedule' }],
    });
  });

  it('takes https:// before the endpoint', () => {
    const text = join().replace('192.0.2.10:6443', 'https://192.0.2.10:6443');
    expect(read(text).document).toMatchObject(WANTED);
  });

  it.each([
    [
      'a list in place of a map',
      join().replace('    apiServer', '  - apiServer'),
      'discovery.bootstrapToken: must be a map, and is a list',
    ],
    [
      'text in place of a map',
      join('nodeRegistration: node-1'),
      'nodeRegistration: must be a map, and is text',
    ],
    [
      'a map in place of a list',
      join('nodeRegistration: {taints: {key: a}}'),
      'nodeRegistration.taints: must be a list, and is a map',
    ],
    [
      'text in place of a list',
      join().replace(`["${HASH}"]`, `"${HASH}"`),
      'discovery.bootstrapToken.caCertHashes: must be a list, and is text',
    ],
    [
      'a number for a flag',
      join('nodeRegistration: {kubeletExtraArgs: {max-pods: 40}}'),
      'kubeletExtraArgs.max-pods: must be text; put it in quotes',
    ],
    [
      'a number for a flag of v1beta4',
      join('nodeRegistration: {kubeletExtraArgs: [{name: max-pods, value: 40}]}'),
      'kubeletExtraArgs.0.value: must be text; put it in quotes',
    ],
    [
      'a flag without a value',
      join('nodeRegistration: {kubeletExtraArgs: [{name: max-pods}]}'),
      'kubeletExtraArgs.0.value: is required',
    ],
    [
      'flags that are text',
      join('nodeRegistration: {kubeletExtraArgs: --v=4}'),
      'kubeletExtraArgs: must be a list of name and value, or a map of texts, and is text',
    ],
    ['a control plane', join('controlPlane: {}'), 'controlPlane: a control plane cannot run here'],
    [
      'discovery by file',
      join().replace('  bootstrapToken', '  file: {kubeConfigPath: /x}\n  bootstrapToken'),
      'discovery.file: discovery by file is not for a node',
    ],
    [
      'no discovery',
      'apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\n',
      'discovery: is required',
    ],
    [
      'no bootstrapToken',
      'apiVersion: kubeadm.k8s.io/v1beta4\nkind: JoinConfiguration\ndiscovery: {}',
      'discovery.bootstrapToken: is required',
    ],
    ['no token', join().replace(/ *token:.*\n/, ''), 'discovery.bootstrapToken.token: is required'],
    [
      'a misspelt endpoint',
      join().replace('apiServerEndpoint', 'apiserverEndpoints'),
      'apiServerEndpoint: is required; discovery.bootstrapToken.apiserverEndpoints: is not a known field; the nearest is apiServerEndpoint',
    ],
    [
      'an endpoint that is a number',
      join().replace('192.0.2.10:6443', '"5"'),
      'apiServerEndpoint: is no IPv4 address; it is HOST:PORT',
    ],
    [
      'an endpoint that is a path',
      join().replace('192.0.2.10:6443', 'h:6443/x'),
      'apiServerEndpoint: has a port',
    ],
    [
      'a switch that is text',
      join().replace('token:', 'unsafeSkipCAVerification: "yes"\n    token:'),
      'must be true or false',
    ],
  ])('%s is refused', (_name, text, why) => {
    expect(() => read(text)).toThrow(why);
  });
});

describe('of several documents', () => {
  it.each([
    [
      'a KubeletConfiguration behind',
      `${join()}---\n${KUBELET}`,
      ['document 2: KubeletConfiguration is not read here'],
    ],
    [
      'a KubeletConfiguration before',
      `---\n${KUBELET}---\n${join()}`,
      ['document 1: KubeletConfiguration is not read here'],
    ],
    ['a trailing ---', `${join()}---\n`, []],
    ['empty ones', `---\n---\n# nothing\n---\n${join()}...\n---\n`, []],
    [
      'something without a head',
      `${join()}---\na: 1\n`,
      ['document 2: a document without apiVersion and kind is not read here'],
    ],
    [
      'one of v1beta2',
      `${join('', 'v1beta2')}---\n${join()}`,
      ['document 1: JoinConfiguration is not read here'],
    ],
  ])('the one for a node is read beside %s', (_name, text, warnings) => {
    const reading = read(text);
    expect(reading.document).toMatchObject(WANTED);
    expect(reading.warnings.map(({ path, why }) => `${path}: ${why}`)).toEqual(warnings);
  });

  it('our own is read with a trailing ---', () => {
    expect(read(`${OWN}---\n`).document.node?.name).toBe('n1');
    expect(read(`${OWN}---\n# end\n`).warnings).toEqual([]);
  });

  it.each([
    [
      'two that count',
      `${join()}---\n${OWN}`,
      'more than one of its documents counts: document 1, JoinConfiguration; document 2, NodeBootstrap',
    ],
    [
      'none that counts',
      `a: 1\n---\nb: 2\n`,
      'none of its documents is read here: document 1, a document without apiVersion and kind',
    ],
    [
      "a control plane's",
      `apiVersion: kubeadm.k8s.io/v1beta4\nkind: InitConfiguration\n---\n${KUBELET}`,
      'InitConfiguration is not read; it makes a control plane',
    ],
    ['a broken one', `${join()}---\na: [\n`, 'line 10, column 1'],
  ])('%s are refused in words', (_name, text, why) => {
    expect(() => read(text)).toThrow(why);
  });

  it('those of a MIME part are chosen alike', () => {
    const part = `Content-Type: application/yaml\n\n---\n${KUBELET}---\n${join()}`;
    const text = `MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n${part}\n--b--\n`;
    expect(read(text).document).toMatchObject(WANTED);
  });

  it("NoCloud's meta-data may end with ---", () => {
    expect(parseMetaData('m', 'instance-id: i-1\n---\n').instanceId).toBe('i-1');
  });
});

describe("another document of kubeadm's is named:", () => {
  it.each([
    [
      'kubeadm.k8s.io/v1beta2',
      'JoinConfiguration',
      'kubeadm.k8s.io/v1beta2 is not read; v1beta3 and v1beta4 are (kubeadm config migrate',
    ],
    ['kubeadm.k8s.io/v1beta1', 'JoinConfiguration', 'kubeadm.k8s.io/v1beta1 is not read'],
    ['kubeadm.k8s.io/v1', 'JoinConfiguration', 'kubeadm.k8s.io/v1 is not read'],
    [
      'kubeadm.k8s.io/v1beta4',
      'InitConfiguration',
      'InitConfiguration is not read; it makes a control plane',
    ],
    [
      'kubeadm.k8s.io/v1beta3',
      'ClusterConfiguration',
      'ClusterConfiguration is not read; it describes a control plane',
    ],
    ['kubeadm.k8s.io/v1beta4', 'JoinConfig', "kind: is not a kind of kubeadm's"],
    [
      'kubeadm.k8s.io/v1beta4',
      'joinConfiguratoin',
      "kind: is not a kind of kubeadm's; the nearest is JoinConfiguration",
    ],
    [
      'kubelet.config.k8s.io/v1beta1',
      'KubeletConfiguration',
      'KubeletConfiguration is not read; its fields go into kubelet.config',
    ],
    [
      'kubeproxy.config.k8s.io/v1alpha1',
      'KubeProxyConfiguration',
      'KubeProxyConfiguration is not read; kube-proxy is configured in the cluster',
    ],
  ])('%s %s', (apiVersion, kind, why) => {
    expect(() => read(`apiVersion: ${apiVersion}\nkind: ${kind}\n`)).toThrow(
      `read join.yaml: ${why}`,
    );
  });
});

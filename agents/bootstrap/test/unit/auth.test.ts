import { createPrivateKey, generateKeyPairSync } from 'node:crypto';

import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';

import { type ClusterAuth, readAuth } from '../../src/core/cluster/auth.ts';
import { readClusterConfig } from '../../src/core/cluster/cluster-config.ts';
import type { AuthSpec } from '../../src/core/document/schema.ts';
import { BootstrapError } from '../../src/core/faults/errors.ts';
import { renderFiles } from '../../src/core/files/render.ts';
import { inspectPair } from '../../src/edge/node/certificates.ts';
import { parseDocument } from '../support/documents.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n';
const KEY = 'the key that must not be shown';
const HEAD = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';
const CLUSTER = `cluster: {endpoint: "https://h", caBundle: ${JSON.stringify(PEM)}}\n`;

const named = (commonName: string) => () => ({ commonName });
const auth = (spec: AuthSpec, commonName = 'system:node:n1'): ClusterAuth =>
  readAuth(spec, named(commonName));

function confs(wanted: ClusterAuth): Record<string, unknown> {
  const { document } = parseDocument('d', HEAD);
  const trust = { bundle: [PEM], pins: [], skipVerification: false };
  const files = renderFiles({
    document,
    cluster: { name: 'c', endpoint: 'https://h:6443', trust, auth: wanted, ca: [PEM] },
    hostname: 'n1',
    nodeIp: undefined,
    hasIdentity: false,
    platformId: undefined,
  });
  const there = files.filter(
    ({ path, content }) => path.endsWith('.conf') && content !== undefined,
  );
  return Object.fromEntries(
    there.map(({ path, content }) => [path.split('/').at(-1) ?? '', parse(content ?? '')]),
  );
}

describe('a client certificate', () => {
  const spec = { clientCertificate: { cert: PEM, key: KEY } };

  it('of a node is kubelet itself, which renews it', () => {
    const wanted = auth(spec);
    expect(wanted).toMatchObject({ kind: 'user', nodeName: 'n1', rotates: true });
    const files = confs(wanted);
    expect(Object.keys(files)).not.toContain('bootstrap-kubelet.conf');
    expect(files['kubelet.conf']).toMatchObject({
      users: [{ user: { 'client-certificate-data': btoa(PEM), 'client-key-data': btoa(KEY) } }],
    });
    expect(files['20-cluster.conf']).not.toHaveProperty('rotateCertificates');
  });

  it('of another user requests one', () => {
    const wanted = auth(spec, 'system:bootstrap:x');
    expect(wanted).toMatchObject({ isBootstrap: true });
    expect(Object.keys(confs(wanted))).toContain('bootstrap-kubelet.conf');
    expect(Object.keys(confs(wanted))).not.toContain('kubelet.conf');
  });

  it('that is broken is refused without being shown', () => {
    let message = '';
    try {
      readAuth(spec, inspectPair);
    } catch (error) {
      if (error instanceof BootstrapError) ({ message } = error);
    }
    expect(message).toMatch(/auth\.clientCertificate: certificate and key do not match$/);
    expect(message).not.toContain(KEY);
  });
});

describe('a program', () => {
  it('has a name and a folder from which kubelet may start it, and its user is not rotated', () => {
    const wanted = auth({
      exec: { command: 'login', args: ['x'], apiVersion: 'client.authentication.k8s.io/v1' },
    });
    expect(wanted).toMatchObject({ program: 'login', isBootstrap: false });
    const files = confs(wanted);
    expect(files['kubelet.conf']).toMatchObject({
      users: [
        {
          user: {
            exec: {
              apiVersion: 'client.authentication.k8s.io/v1',
              command: '/var/lib/kios/credential-providers/login',
              args: ['x'],
              interactiveMode: 'Never',
            },
          },
        },
      ],
    });
    expect(files['20-cluster.conf']).toMatchObject({ rotateCertificates: false });
  });

  it('of AWS is its authenticator', () => {
    expect(auth({ awsIamAuthenticator: { clusterId: 'prod', region: 'eu' } })).toMatchObject({
      program: 'aws-iam-authenticator',
      user: { exec: { args: ['token', '-i', 'prod'] } },
    });
  });

  it.each(['/bin/sh', '../x', 'a b', ''])('%j is not the name of one', (command) => {
    const text = `${HEAD}auth: {exec: {command: ${JSON.stringify(command)}}}`;
    expect(() => parseDocument('d', text)).toThrow('auth.exec.command');
  });
});

describe('a kubeconfig', () => {
  const config = (user: object): string =>
    stringify({
      clusters: [
        {
          name: 'other',
          cluster: { server: 'https://wrong' },
        },
        {
          name: 'c',
          cluster: { server: 'https://api.example', 'certificate-authority-data': btoa(PEM) },
        },
      ],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    });

  it('names its cluster too, with the port of https', () => {
    const text = `${HEAD}auth: {kubeconfig: ${JSON.stringify(config({ token: 'opaque' }))}}\ncluster: {}`;
    const cluster = readClusterConfig(parseDocument('d', text).document, named(''));
    expect(cluster).toMatchObject({
      endpoint: 'https://api.example:443',
      trust: { bundle: [PEM] },
      auth: { kind: 'user', user: { token: 'opaque' }, isBootstrap: false },
    });
  });

  it.each([
    [{ token: 'abcdef.0123456789abcdef' }, { kind: 'token' }],
    [
      { 'client-certificate-data': btoa(PEM), 'client-key-data': btoa(KEY) },
      { kind: 'user', nodeName: 'n1' },
    ],
    [{ exec: { command: '/usr/bin/login' } }, { program: 'login' }],
  ])('with the user %j', (user, wanted) => {
    expect(auth({ kubeconfig: config(user) })).toMatchObject(wanted);
  });

  it.each([[{ 'client-certificate': '/a', 'client-key': '/b' }], [{}], [{ username: 'x' }]])(
    'with the user %j is refused: paths and passwords mean nothing here',
    (user) => {
      expect(() => auth({ kubeconfig: config(user) })).toThrow('auth.kubeconfig');
    },
  );

  it.each(['', 'x: [', 'users: 5'])('%j is refused', (text) => {
    expect(() => auth({ kubeconfig: text })).toThrow('auth.kubeconfig');
  });
});

it('a CA that is only pinned needs a token to vouch for it', () => {
  const pins = `cluster: {endpoint: "https://h", caCertHashes: ["sha256:${'a'.repeat(64)}"]}\n`;
  const text = `${HEAD}${pins}auth: {exec: {command: x}}`;
  expect(() => readClusterConfig(parseDocument('d', text).document, named(''))).toThrow('caBundle');
});

it('a node that has joined needs no auth', () => {
  const { document } = parseDocument('d', HEAD + CLUSTER);
  expect(() => readClusterConfig(document, named(''))).toThrow('auth: is required');
  expect(readClusterConfig(document, named(''), { kind: 'held' })?.auth).toEqual({ kind: 'held' });
});

it('a key that belongs to another certificate is refused', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
  expect(createPrivateKey(key).type).toBe('private');
  expect(() => inspectPair(PEM, key)).toThrow(Error);
});

const renderFile = (file: string): unknown => {
  const { document } = parseDocument('d', `${HEAD}files: [${file}]`);
  return renderFiles({
    document,
    cluster: undefined,
    hostname: 'n',
    nodeIp: undefined,
    hasIdentity: false,
    platformId: undefined,
  }).filter(({ isUserFile }) => isUserFile);
};

describe('files', () => {
  it.each([
    ['{path: /etc/kubernetes/manifests/x.yaml, content: a}', 'kubernetes/manifests/x.yaml', 0o644],
    [
      '{path: /etc/cni/net.d/10.conf, mode: "0600", contentBase64: YQ==}',
      'cni/net.d/10.conf',
      0o600,
    ],
    [
      '{path: /etc/containerd/certs.d/r/hosts.toml, content: ""}',
      'containerd/certs.d/r/hosts.toml',
      0o644,
    ],
  ])('%s is placed', (file, path, mode) => {
    expect(renderFile(file)).toMatchObject([{ path, mode }]);
  });

  it.each([
    '{path: /etc/passwd, content: a}',
    '{path: /etc/kubernetes/manifests/../kubelet.conf, content: a}',
    '{path: /etc/kubernetes/manifests//x, content: a}',
    '{path: /etc/kubernetes/manifests/, content: a}',
    '{path: /etc/kiosk/x, content: a}',
    '{path: /etc/kios/bootstrap.yaml, content: a}',
    '{path: /etc/cni/x, mode: "4755", content: a}',
    '{path: /etc/cni/x, mode: "0777", content: a}',
    '{path: /etc/cni/x}',
    '{path: /etc/cni/x, content: a, contentBase64: YQ==}',
    '{path: /etc/cni/x, contentBase64: "!"}',
    '{path: "/etc/cni/x\\ny", content: a}',
  ])('%s is refused', (file) => {
    expect(() => renderFile(file)).toThrow('files.0');
  });
});

it('credential providers become the configuration that kubelet reads', () => {
  const text = `${HEAD}credentialProviders: [{name: ecr, matchImages: ["*.dkr.ecr.*.amazonaws.com"], args: [a]}]`;
  const { document } = parseDocument('d', text);
  const files = renderFiles({
    document,
    cluster: undefined,
    hostname: 'n',
    nodeIp: undefined,
    hasIdentity: false,
    platformId: 'aws:///z/i',
  });
  const content = (end: string): unknown =>
    parse(files.find(({ path }) => path.endsWith(end))?.content ?? '');
  expect(content('credential-providers.yaml')).toEqual({
    apiVersion: 'kubelet.config.k8s.io/v1',
    kind: 'CredentialProviderConfig',
    providers: [
      {
        name: 'ecr',
        matchImages: ['*.dkr.ecr.*.amazonaws.com'],
        defaultCacheDuration: '12h',
        args: ['a'],
        apiVersion: 'credentialprovider.kubelet.k8s.io/v1',
      },
    ],
  });
  expect(content('10-kios.conf')).toMatchObject({ providerID: 'aws:///z/i' });
});

it("a serving certificate of the cluster precedes the image's own", () => {
  const { document } = parseDocument('d', `${HEAD}kubelet: {config: {serverTLSBootstrap: true}}`);
  const trust = { bundle: [PEM], pins: [], skipVerification: false };
  const files = renderFiles({
    document,
    cluster: { name: 'c', endpoint: 'https://h:6443', trust, auth: { kind: 'held' }, ca: [PEM] },
    hostname: 'n',
    nodeIp: undefined,
    hasIdentity: true,
    platformId: undefined,
  });
  const cluster = files.find(({ path }) => path.endsWith('20-cluster.conf'))?.content ?? '';
  expect(parse(cluster)).toMatchObject({
    serverTLSBootstrap: true,
    tlsCertFile: '',
    tlsPrivateKeyFile: '',
  });
});

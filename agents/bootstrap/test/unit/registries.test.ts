import { describe, expect, it } from 'vitest';

import { mergeDocuments, originsOf } from '../../src/core/document/merge.ts';
import type { NodeBootstrap } from '../../src/core/document/schema.ts';
import { planFiles } from '../../src/core/files/plan.ts';
import { withoutPasswords } from '../../src/core/files/registry-files.ts';
import { documentFiles } from '../../src/core/files/user-files.ts';
import { parseDocument } from '../support/documents.ts';

const CA = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

const read = (body: string): NodeBootstrap =>
  parseDocument('test', `apiVersion: kios.dev/v1\nkind: NodeBootstrap\n${body}`).document;

const written = (body: string): Record<string, string | undefined> =>
  Object.fromEntries(documentFiles(read(body)).map(({ path, content }) => [path, content]));

describe('the registries of a document', () => {
  it('become what containerd and kubelet read', () => {
    const files = written(`
registries:
  registry.example:5000:
    caBundle: |
      -----BEGIN CERTIFICATE-----
      AAAA
      -----END CERTIFICATE-----
    username: node
    password: pa$$"word
  docker.io:
    endpoints: [https://mirror.example/v2/hub, https://second.example]
`);
    expect(files).toEqual({
      'containerd/certs.d/registry.example:5000/ca.crt': CA,
      'containerd/certs.d/registry.example:5000/hosts.toml': 'ca = "ca.crt"\n',
      'containerd/certs.d/docker.io/hosts.toml': `
[host."https://mirror.example/v2/hub"]
capabilities = ["pull", "resolve"]

[host."https://second.example"]
capabilities = ["pull", "resolve"]
`,
      'kubernetes/registry-credentials.json':
        '{"auths":{"registry.example:5000":{"username":"node","password":"pa$$\\"word"}}}\n',
    });
  });

  it('keep the credentials for root, and leave no file when they are gone', () => {
    const [credentials] = documentFiles(
      read('registries: {a.b: {username: node, password: secret}}'),
    );
    expect(credentials).toMatchObject({
      path: 'kubernetes/registry-credentials.json',
      mode: 0o600,
    });
    expect(credentials?.isUserFile).toBeUndefined();
    const planned = planFiles({
      document: read('node: {maxPods: 3}'),
      cluster: undefined,
      ca: [],
      hostname: undefined,
      addresses: [],
      isSettling: false,
      nodeIpBefore: undefined,
      hasIdentity: false,
      hasKubeletConf: false,
      platformId: undefined,
      userFilesBefore: ['containerd/certs.d/a.b/hosts.toml'],
    });
    const gone = planned.filter(({ content }) => content === undefined).map(({ path }) => path);
    expect(gone).toContain('kubernetes/registry-credentials.json');
    expect(gone).toContain('containerd/certs.d/a.b/hosts.toml');
  });

  it('may name one place for all registries', () => {
    expect(written(`registries: {'*': {endpoints: ['https://mirror.example']}}`)).toHaveProperty([
      'containerd/certs.d/_default/hosts.toml',
    ]);
  });

  it('merge by host', () => {
    const merged = mergeDocuments([
      read('registries: {a.b: {endpoints: [https://m.example]}, c.d: {username: u, password: p}}'),
      read('registries: {a.b: {username: node, password: secret}}'),
    ]);
    expect(merged?.registries).toEqual({
      'a.b': { endpoints: ['https://m.example'], username: 'node', password: 'secret' },
      'c.d': { username: 'u', password: 'p' },
    });
  });

  it('show no password', () => {
    const document = read('registries: {a.b:5000: {username: node, password: hunter2}}');
    const part = { source: 'test', kind: 'NodeBootstrap', document, warnings: [] };
    expect(JSON.stringify(originsOf([part]))).not.toContain('hunter2');
    expect(JSON.stringify(originsOf([part]))).toContain('node');
    expect(JSON.stringify(documentFiles(withoutPasswords(document)))).not.toContain('hunter2');
  });

  it.each([
    ['a scheme in the name', 'https://a.b: {endpoints: [https://c.d]}', 'host name'],
    ['a path in the name', 'a.b/c: {endpoints: [https://c.d]}', 'host name'],
    ['dots that lead out of the folder', '"..": {endpoints: [https://c.d]}', 'host name'],
    ['an endpoint without TLS', 'a.b: {endpoints: [http://c.d]}', 'https://'],
    ['a password in an endpoint', 'a.b: {endpoints: ["https://u:hunter2@c.d"]}', 'https://'],
    ['half of the credentials', 'a.b: {password: hunter2}', 'both username and password'],
    ['one password for all', '"*": {username: u, password: hunter2}', 'every registry'],
    ['an unknown field', 'a.b: {insecure: true}', 'insecure'],
    ['a key in place of a certificate', 'a.b: {caBundle: hunter2}', 'caBundle'],
  ])('refuse %s, and do not repeat it', (_, entry, why) => {
    let failure: unknown;
    try {
      written(`registries:\n  ${entry}\n`);
    } catch (error) {
      failure = error;
    }
    expect(failure).toMatchObject({ code: 'KIOS_BOOTSTRAP_FIELD' });
    expect(String(failure)).toContain(why);
    expect(String(failure)).not.toContain('hunter2');
  });

  it('refuse a file that they write themselves', () => {
    const files = 'files: [{path: /etc/containerd/certs.d/a.b/hosts.toml, content: x}]';
    const body = `registries: {a.b: {endpoints: [https://c.d]}}\n${files}`;
    expect(() => written(body)).toThrow(/files\.0\.path: is written because of registries/);
  });
});

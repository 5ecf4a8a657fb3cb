import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { makeCa, makeLeaf } from '@kios/testkit/control-plane';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { LocalAgent } from '../support/local-agent.ts';
import { NodeFolder, TOKEN } from '../support/node-folder.ts';

const ENDPOINT = 'https://127.0.0.1:6443';
const META_DATA = 'instance-id: i-1\nlocal-hostname: node-1\n';

let pki: string;
let node: NodeFolder;
let agent: LocalAgent;
/** Requests for the document, once it is served. */
let served = 0;

const pem = (file: string): string => readFileSync(path.join(pki, file), 'utf8');
beforeAll(() => {
  pki = mkdtempSync(path.join(tmpdir(), 'kios-pki-'));
  makeCa(pki, 'ca');
  makeLeaf(pki, 'node', 'ca', {
    subject: '/O=system:nodes/CN=system:node:node-1',
    usage: 'clientAuth',
  });
  makeLeaf(pki, 'robot', 'ca', { subject: '/CN=robot', usage: 'clientAuth' });
});

afterAll(() => rmSync(pki, { recursive: true }));

beforeEach(async () => {
  node = await NodeFolder.make();
  agent = new LocalAgent(node);
  agent.cluster.ca = pem('ca.crt');
  node.lease();
  for (const program of ['login', 'aws-iam-authenticator']) node.write(`plugins/${program}`, 'x');
});

afterEach(async () => {
  await agent[Symbol.asyncDispose]();
});

const kubeconfig = (user: object): string =>
  JSON.stringify({
    clusters: [
      {
        name: 'a',
        cluster: { server: ENDPOINT, 'certificate-authority-data': btoa(pem('ca.crt')) },
      },
    ],
    users: [{ name: 'a', user }],
    contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
    'current-context': 'a',
  });
const pair = (name: string) => ({ cert: pem(`${name}.crt`), key: pem(`${name}.key`) });
const pairData = (name: string) => ({
  'client-certificate-data': btoa(pem(`${name}.crt`)),
  'client-key-data': btoa(pem(`${name}.key`)),
});

/** Every way to authenticate. Those of a kubeconfig name the cluster too. */
const WAYS: Readonly<Record<string, () => Readonly<Record<string, unknown>>>> = {
  'a bootstrap token': () => ({ bootstrapToken: TOKEN }),
  'a certificate of the node': () => ({ clientCertificate: pair('node') }),
  'a certificate of a robot': () => ({ clientCertificate: pair('robot') }),
  'a program': () => ({ exec: { command: 'login' } }),
  'an IAM role': () => ({ awsIamAuthenticator: { clusterId: 'c' } }),
  'a kubeconfig with a bootstrap token': () => ({ kubeconfig: kubeconfig({ token: TOKEN }) }),
  'a kubeconfig with another token': () => ({ kubeconfig: kubeconfig({ token: 'opaque-token' }) }),
  'a kubeconfig with a certificate': () => ({ kubeconfig: kubeconfig(pairData('node')) }),
  'a kubeconfig with a robot': () => ({ kubeconfig: kubeconfig(pairData('robot')) }),
  'a kubeconfig with a program': () => ({
    kubeconfig: kubeconfig({ exec: { command: '/usr/bin/login', args: ['x'] } }),
  }),
};

function documentFor(way: string): string {
  const auth = WAYS[way]?.() ?? {};
  const cluster = { endpoint: ENDPOINT, caBundle: pem('ca.crt') };
  return JSON.stringify({
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    ...('kubeconfig' in auth ? {} : { cluster }),
    auth,
    node: { labels: { 'example.com/rack': 'a1' } },
  });
}

const filesOf = (): readonly string[] =>
  ['etc', 'var/lib/kios', 'run/kios/platform'].flatMap((dir) =>
    readdirSync(path.join(node.root, dir), { recursive: true, encoding: 'utf8' })
      .map((file) => path.join(node.root, dir, file))
      .filter((file) => statSync(file).isFile())
      .map((file) => `${file} ${statSync(file).ino} ${readFileSync(file, 'utf8')}`),
  );

/** Joins, restarts kubelet as init does, and lets it get its certificate when it requests one. */
async function joins(): Promise<void> {
  await agent.run();
  if (node.read('etc/kubernetes/kubelet.conf') === undefined) node.kubeletJoins(pem('node.crt'));
  else node.startKubelet('cluster');
  await agent.run();
  expect((await agent.run()).outcome).toBe('joined');
}

async function expectSame(): Promise<void> {
  const before = filesOf();
  agent.forget();
  served = 0;
  node.boot({ bootId: 'boot-2', mode: 'cluster' });
  node.remove('run/kios/net/eth0.json');
  const { outcome, input } = await agent.run();
  expect([outcome, input?.cluster?.endpoint]).toEqual(['joined', ENDPOINT]);
  const { lines, cluster } = agent;
  expect([filesOf(), lines, cluster.asked, served, node.sent]).toEqual([before, [], [], 0, []]);
}

const secrets = (): readonly string[] => [
  TOKEN.slice(7),
  'opaque-token',
  btoa(pem('node.key')),
  btoa(pem('robot.key')),
  JSON.stringify(pem('node.key')).slice(1, -1),
];

describe.each(Object.keys(WAYS))('a node that joined with %s', (way) => {
  it('is the same at the next boot without its volume', async () => {
    node.seed(documentFor(way));
    await joins();
    const kept = node.read('var/lib/kios/bootstrap/seed.json') ?? '';
    expect(secrets().filter((secret) => kept.includes(secret))).toEqual([]);
    node.remove('run/kios/seed/cidata');
    await expectSame();
  });

  it('is the same at the next boot without its metadata service', async () => {
    const userData = documentFor(way);
    const server = createServer((request, response) => {
      served++;
      response.end(request.url === '/meta-data' ? META_DATA : userData);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const hash = createHash('sha256')
      .update(META_DATA + userData)
      .digest('hex');
    node.write('cmdline', `ds=nocloud;s=http://127.0.0.1:${port}/#sha256=${hash}`);
    await joins();
    server.closeAllConnections();
    server.close();
    const kept = node.read('var/lib/kios/bootstrap/fetched.json') ?? '';
    expect(secrets().filter((secret) => kept.includes(secret))).toEqual([]);
    await expectSame();
  });
});

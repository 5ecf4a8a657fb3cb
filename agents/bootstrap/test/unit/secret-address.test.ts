import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import path from 'node:path';

import type { Logger } from '@kios/agent';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { joinNode } from '../../src/verbs/join.ts';
import { renderPlan } from '../../src/verbs/render.ts';
import { testLogger } from '../support/logger.ts';
import { clusterDocument, NodeFolder } from '../support/node-folder.ts';

const CA = readFileSync(path.join(import.meta.dirname, '../support/fixtures/ca-a.crt'), 'utf8');
const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: CA });
const META_DATA = 'instance-id: i-1\nlocal-hostname: node-1\n';
const SECRETS = ['hidden-user', 'hidden-word', 'hidden-query'];
const [USER, WORD, QUERY] = SECRETS;

let node: NodeFolder;
let server: Server;
let reply: (response: ServerResponse, url: string) => void;
let authorization: (string | undefined)[] = [];
let lines: string[] = [];
let log: Logger;
let stop: AbortController;

const port = (): number => {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The addresses that a machine can be given, with a secret in each part that may have one. */
const WAYS: Readonly<Record<string, (scheme: string, host: string, fragment: string) => string>> = {
  'kios.config=': (scheme, host, fragment) =>
    `kios.config=${scheme}://${USER}:${WORD}@${host}/node.yaml?token=${QUERY}${fragment}`,
  'ds=nocloud': (scheme, host, fragment) =>
    `ds=nocloud;s=${scheme}://${USER}:${WORD}@${host}/seed/?token=${QUERY}${fragment}`,
};
/** The documents that the server has for each way. */
const BODIES: Readonly<Record<string, string>> = {
  'kios.config=': DOCUMENT,
  'ds=nocloud': META_DATA + DOCUMENT,
};

const good = (response: ServerResponse, url: string): unknown =>
  response.end(url.includes('meta-data') ? META_DATA : DOCUMENT);

beforeEach(async () => {
  vi.stubEnv('KIOS_LOG_LEVEL', 'debug');
  lines = [];
  authorization = [];
  stop = new AbortController();
  log = testLogger({ stdout: (line) => lines.push(line), console: (line) => lines.push(line) });
  node = await NodeFolder.make();
  node.lease();
  reply = good;
  server = createServer((request, response) => {
    authorization.push(request.headers.authorization);
    reply(response, request.url ?? '');
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
});

afterEach(async () => {
  vi.unstubAllEnvs();
  stop.abort();
  server.closeAllConnections();
  server.close();
  await node[Symbol.asyncDispose]();
});

/** Runs until the end, or until an address was tried twice; returns everything that the agent let out. */
async function output(): Promise<string> {
  const api = { get: async () => Promise.resolve({ status: 200, body: '{}' }) };
  const context = { settings: node.settings, log, signal: stop.signal, openApi: () => api };
  const ended = joinNode(context).catch((error: unknown) => error);
  const tried = vi.waitFor(
    () =>
      expect(lines.filter((line) => line.includes('"ev":"imds.try"')).length).toBeGreaterThan(1),
    { timeout: 10_000 },
  );
  await Promise.race([ended, tried.catch(() => undefined)]);
  stop.abort();
  log.error({ ev: 'failed', err: await ended });
  const rendering = await renderPlan(context).catch((err: unknown) =>
    log.error({ ev: 'failed', err }),
  );
  const written = ['etc', 'var', 'run'].flatMap((dir) =>
    readdirSync(path.join(node.root, dir), { recursive: true, encoding: 'utf8' })
      .map((file) => path.join(node.root, dir, file))
      .filter((file) => statSync(file).isFile() && !file.includes('/seed/'))
      .map((file) => `${file}: ${readFileSync(file, 'utf8')}`),
  );
  return [...lines, ...written, JSON.stringify(rendering)].join('\n');
}

const secretsIn = (text: string): readonly string[] =>
  [...SECRETS, btoa(`${USER}:${WORD}`)].filter((secret) => text.includes(secret));

const FAULTS: Readonly<Record<string, (response: ServerResponse, url: string) => unknown>> = {
  'no fault': good,
  'not found': (response) => response.writeHead(404).end(),
  overload: (response) => response.writeHead(503).end(),
  refusal: (response) => response.writeHead(403).end(),
  'a redirect': (response) => response.writeHead(302, { location: `/?token=${QUERY}` }).end(),
  'a web page': (response) => response.end('<html>log in</html>'),
  'an empty reply': (response) => response.end(),
  'a cut reply': (response) => {
    response.writeHead(200, { 'content-length': '100' }).write('a');
    response.destroy();
  },
  'a document with a fault': (response) => response.end('apiVersion: [\n'),
  'a document for another program': (response) => response.end('#cloud-config\n'),
};

describe.each(Object.keys(WAYS))('the address of %s', (way) => {
  const address = (scheme: string, host: string, fragment = ''): string =>
    WAYS[way]?.(scheme, host, fragment) ?? '';
  const hashed = (body = BODIES[way] ?? ''): string =>
    address('http', `127.0.0.1:${port()}`, `#sha256=${sha256(body)}`);

  it.each(Object.keys(FAULTS))('shows no secret after %s', { timeout: 20_000 }, async (fault) => {
    node.write('cmdline', hashed());
    reply = (response, url) => void FAULTS[fault]?.(response, url);
    expect(secretsIn(await output())).toEqual([]);
  });

  it('shows no secret when the server is away', { timeout: 20_000 }, async () => {
    node.write('cmdline', address('http', '127.0.0.1:1', `#sha256=${'0'.repeat(64)}`));
    expect(secretsIn(await output())).toEqual([]);
  });

  it('shows no secret when TLS fails', { timeout: 20_000 }, async () => {
    node.write('cmdline', address('https', `127.0.0.1:${port()}`));
    expect(secretsIn(await output())).toEqual([]);
  });

  it.each(['[bad', 'bad:port', ''])('shows no secret when the host is %j', async (host) => {
    node.write('cmdline', address('https', host));
    const text = await output();
    expect(secretsIn(text)).toEqual([]);
    expect(text).toContain('KIOS_BOOTSTRAP_URL');
  });

  it('is given to the server whole', async () => {
    node.write('cmdline', hashed());
    await output();
    const basic = `Basic ${btoa(`${USER}:${WORD}`)}`;
    expect(new Set(authorization)).toEqual(new Set([basic]));
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toContain('127.0.0.1:6443');
  });

  it.each(['', '#', '#sha256=', `#sha256=${'0'.repeat(63)}`, `#md5=${'0'.repeat(64)}`])(
    'over plain http with %j is refused, before the network is waited for',
    async (fragment) => {
      node.remove('run/kios/net/eth0.json');
      node.write('cmdline', address('http', `127.0.0.1:${port()}`, fragment));
      const text = await output();
      expect(text).toContain('KIOS_BOOTSTRAP_URL');
      expect(secretsIn(text)).toEqual([]);
      expect(authorization).toEqual([]);
    },
  );

  it('with the hash of another document is tried again, and nothing is written', async () => {
    node.write('cmdline', hashed('another'));
    expect(await output()).toMatch(/"why":"[^"]*#sha256=/);
    expect(node.read('etc/hostname')).toBeUndefined();
  });

  it('with its hash over https is checked as well', async () => {
    node.write('cmdline', address('https', `127.0.0.1:${port()}`, '#sha256=1'));
    expect(await output()).toContain('KIOS_BOOTSTRAP_URL');
  });
});

it.each([
  ['cluster.endpoint', (url: string) => clusterDocument(url, { ca: CA })],
  [
    'auth.kubeconfig',
    (server_: string) =>
      JSON.stringify({
        apiVersion: 'kios.dev/v1',
        kind: 'NodeBootstrap',
        auth: {
          kubeconfig: JSON.stringify({
            clusters: [
              { name: 'a', cluster: { server: server_, 'certificate-authority-data': btoa(CA) } },
            ],
            users: [{ name: 'a', user: { token: 'x' } }],
            contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
          }),
        },
      }),
  ],
  [
    'a join line',
    (url: string) =>
      `kubeadm join ${url} --token abcdef.0123456789abcdef --discovery-token-unsafe-skip-ca-verification`,
  ],
])('an address of an API server shows no secret: %s', async (_what, document) => {
  node.seed(document(`https://${USER}:${WORD}@127.0.0.1:6443/?token=${QUERY}`));
  const text = await output();
  expect(text).toContain('KIOS_BOOTSTRAP_FIELD');
  expect(secretsIn(text)).toEqual([]);
});

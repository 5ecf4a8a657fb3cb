import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { type ApiRequest, openApiServer } from '../src/index.ts';

let folder: string;
let server: Server;
let endpoint: string;
let seen: { readonly method: string | undefined; readonly type: string | undefined }[] = [];
const file = (name: string): string => readFileSync(path.join(folder, name), 'utf8');

/** Makes a certificate of a server on loopback that is its own authority. */
function makeCertificate(name: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const out = ['-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`];
  const names = ['-days', '2', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const options = { cwd: folder, stdio: 'ignore' } as const;
  execFileSync('openssl', ['req', '-x509', ...key, ...out, ...names], options);
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'kios-kube-api-'));
  makeCertificate('api');
  makeCertificate('other');
  server = createServer({ cert: file('api.crt'), key: file('api.key') }, (request, response) => {
    seen.push({ method: request.method, type: request.headers['content-type'] });
    if (request.url === '/silent') return;
    const size = request.url === '/long' ? 5 * 1024 * 1024 : 2;
    response.writeHead(request.url === '/refused' ? 409 : 200).end('x'.repeat(size));
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  endpoint = `https://127.0.0.1:${address.port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

const send = (wanted: Partial<ApiRequest>, to = endpoint) =>
  openApiServer({
    endpoint: to,
    resolvConf: '/none',
    signal: new AbortController().signal,
    failed: (fault, message) => new Error(`${fault}: ${message}`),
  }).get({ path: '/', ca: [file('api.crt')], ...wanted });

it.each([
  ['GET', undefined, {}],
  ['POST', 'application/json', { body: '{}' }],
  ['PATCH', 'application/strategic-merge-patch+json', { patch: '{}' }],
  ['PATCH', 'application/merge-patch+json', { mergePatch: '{}' }],
])('sends %s of %s', async (method, type, wanted) => {
  seen = [];
  expect(await send(wanted)).toEqual({ status: 200, body: 'xx' });
  expect(seen).toEqual([{ method, type }]);
});

it('returns a refusal as an answer', async () => {
  expect((await send({ path: '/refused' })).status).toBe(409);
});

it('says whether nobody replies or the server is another one', async () => {
  await expect(send({ ca: [file('other.crt')] })).rejects.toThrow(/^untrusted: verify https/);
  await expect(send({}, 'https://127.0.0.1:1')).rejects.toThrow(/^unreachable: reach https/);
});

it('ends at its deadline, and at an answer without an end', async () => {
  const silent = send({ path: '/silent', timeoutMs: 200 });
  await expect(silent).rejects.toThrow(/^late: .*no answer in 0\.2 s/);
  await expect(send({ path: '/long' })).rejects.toThrow(/longer than/);
});

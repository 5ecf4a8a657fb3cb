import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createPlainServer, type Server as PlainServer } from 'node:http';
import { createServer, type Server } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, beforeAll, expect, it } from 'vitest';

import { type ApiRequest, openApiServer } from '../src/index.ts';

let folder: string;
let server: Server;
let elsewhere: Server;
let plain: PlainServer;
let endpoint: string;
/** Of a server whose certificate is for another address, and of one without TLS. */
let otherNames: string;
let withoutTls: string;
let seen: { readonly method: string | undefined; readonly type: string | undefined }[] = [];
const file = (name: string): string => readFileSync(path.join(folder, name), 'utf8');

/** Makes a certificate of a server that is its own authority. */
function makeCertificate(name: string, of = 'IP:127.0.0.1'): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  const out = ['-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`];
  const names = ['-days', '2', '-addext', `subjectAltName=${of}`];
  const options = { cwd: folder, stdio: 'ignore' } as const;
  execFileSync('openssl', ['req', '-x509', ...key, ...out, ...names], options);
}

async function listen(one: Server | PlainServer): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<void>();
  one.listen(0, '127.0.0.1', resolve);
  await promise;
  const address = one.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `https://127.0.0.1:${address.port}`;
}

beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'kios-kube-api-'));
  makeCertificate('api');
  makeCertificate('other');
  makeCertificate('elsewhere', 'DNS:lb.example,IP:192.0.2.1');
  server = createServer({ cert: file('api.crt'), key: file('api.key') }, (request, response) => {
    seen.push({ method: request.method, type: request.headers['content-type'] });
    if (request.url === '/silent') return;
    const size = request.url === '/long' ? 5 * 1024 * 1024 : 2;
    response.writeHead(request.url === '/refused' ? 409 : 200).end('x'.repeat(size));
  });
  elsewhere = createServer({ cert: file('elsewhere.crt'), key: file('elsewhere.key') });
  plain = createPlainServer((_request, response) => response.end('hello'));
  endpoint = await listen(server);
  otherNames = await listen(elsewhere);
  withoutTls = await listen(plain);
});

afterAll(() => {
  for (const one of [server, elsewhere, plain]) {
    one.closeAllConnections();
    one.close();
  }
  rmSync(folder, { recursive: true });
});

const send = (wanted: Partial<ApiRequest>, to = endpoint) =>
  openApiServer({
    endpoint: to,
    resolvConf: '/none',
    signal: new AbortController().signal,
    failed: (fault, message, reason) => new Error(`${fault}, ${reason}: ${message}`),
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

it.each([
  [
    'nobody trusted has signed its certificate, and who has',
    () => send({ ca: [file('other.crt')] }),
    /^untrusted, authority: verify https.*signed its certificate \([A-Z_]+\); it is that of api, signed by api, for 127\.0\.0\.1, valid from 20/,
  ],
  [
    'its certificate is for other addresses, and for which',
    () => send({ ca: [file('elsewhere.crt')] }, otherNames),
    /^untrusted, name: verify https.*not for that address \([A-Z_]+\); it is that of elsewhere, .*for lb\.example, 192\.0\.2\.1/,
  ],
  [
    'it speaks no TLS',
    () => send({}, withoutTls),
    /^untrusted, no tls: verify https.*does not speak TLS/,
  ],
  ['nobody listens', () => send({}, 'https://127.0.0.1:1'), /^unreachable, refused: reach https/],
])('says of a server that %s', async (_what, sent, message) => {
  await expect(sent()).rejects.toThrow(message);
});

it('ends at its deadline, and at an answer without an end', async () => {
  const silent = send({ path: '/silent', timeoutMs: 200 });
  await expect(silent).rejects.toThrow(/^late, other: .*no answer in 0\.2 s/);
  await expect(send({ path: '/long' })).rejects.toThrow(/longer than/);
});

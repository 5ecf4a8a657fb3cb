import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { ANNOTATION, faultOf, nameOfKey, parseReport, requestOf } from '@kios/attestation';
import { SoftTpm } from '@kios/attestation/testing';
import { makeCa, makeLeaf } from '@kios/testkit/control-plane';
import * as v from 'valibot';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';

import { LocalAgent } from '../support/local-agent.ts';
import { NodeFolder, TOKEN } from '../support/node-folder.ts';

const REQUESTS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
const BOOTSTRAP = 'etc/kubernetes/bootstrap-kubelet.conf';
const ATTESTED = 'var/lib/kubelet/pki/kios-attested.pem';

/** What init's TPM says. */
const tpm = new SoftTpm([[11, 'system']]);

let pki: string;
let node: NodeFolder;
let agent: LocalAgent;
let init: Server;
/** Init's line for what it was sent. */
let reply: (bound: Uint8Array) => object;

const pem = (file: string): string => readFileSync(path.join(pki, file), 'utf8');

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

function quoted(bound: Uint8Array): object {
  const { public: key, attested, signature, pcrs, log } = tpm.report(bound);
  const values = Object.entries(pcrs).map(([pcr, value]) => [pcr, base64(value)] as const);
  const bytes = { public: key, attested, signature, log };
  const texts = Object.entries(bytes).map(([name, value]) => [name, base64(value)] as const);
  return {
    v: 1,
    quoted: true,
    ...Object.fromEntries(texts),
    pcrs: Object.fromEntries(values),
  };
}

beforeAll(() => {
  pki = mkdtempSync(path.join(tmpdir(), 'kios-pki-'));
  makeCa(pki, 'ca');
  makeCa(pki, 'other');
  const usage = 'clientAuth';
  makeLeaf(pki, 'node', 'ca', { subject: '/O=system:nodes/CN=system:node:node-1', usage });
});

afterAll(() => rmSync(pki, { recursive: true }));

beforeEach(async () => {
  node = await NodeFolder.make();
  agent = new LocalAgent(node);
  agent.cluster.ca = pem('ca.crt');
  node.lease();
  node.seed(documentWith({ attest: true }));
  reply = quoted;
  init = createServer({ allowHalfOpen: true }, (socket) => {
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
    socket.on('end', () => {
      const line = JSON.stringify(reply(new Uint8Array(Buffer.concat(chunks))));
      socket.end(`${line}\n`);
    });
  });
  const control = path.join(node.settings.run, 'control');
  await mkdir(control);
  const { promise, resolve } = Promise.withResolvers<void>();
  init.listen(path.join(control, 'attest.sock'), resolve);
  await promise;
});

afterEach(async () => {
  init.close();
  await agent[Symbol.asyncDispose]();
});

function documentWith(auth: object, ca = 'ca'): string {
  return JSON.stringify({
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    cluster: { endpoint: 'https://127.0.0.1:6443', caBundle: pem(`${ca}.crt`) },
    auth: { bootstrapToken: TOKEN, ...auth },
  });
}

/** The API server says of each request. */
function decides(status: object, code = 200): void {
  agent.cluster.answers = { [REQUESTS]: { status: code, body: JSON.stringify({ status }) } };
}
const approves = (): void => decides({ certificate: base64(Buffer.from(pem('node.crt'))) });

const Sent = v.object({
  metadata: v.object({ name: v.string(), annotations: v.record(v.string(), v.string()) }),
  spec: v.object({ request: v.string(), signerName: v.string(), usages: v.array(v.string()) }),
});

/** Returns what was sent to the API server. */
function sent(): v.InferOutput<typeof Sent> {
  const [body] = agent.cluster.asked.flatMap((asked) => asked.body ?? []);
  return v.parse(v.pipe(v.string(), v.parseJson(), Sent), body);
}

/** Runs, and returns the code and the message of its fault. */
async function fault(): Promise<string> {
  const { code, message } = await agent.run().then(
    () => ({ code: 'none', message: '' }),
    (error: unknown) => v.parse(v.object({ code: v.string(), message: v.string() }), error),
  );
  return `${code} ${message}`;
}

const names = (): string[] => agent.lines.map(({ ev }) => ev);

describe('a document with auth.attest', () => {
  it('has the node prove what it has started before kubelet asks for anything', async () => {
    approves();
    expect((await agent.run()).outcome).toBe('pending');
    const { metadata, spec } = sent();
    const request = Buffer.from(spec.request, 'base64').toString();
    const bound = requestOf(request, 'node-1');
    const report = parseReport(metadata.annotations[ANNOTATION] ?? '');
    const known = { machines: new Map(), programs: new Set<string>(), systems: new Map() };
    // All but the lists of the approver is right.
    expect(faultOf({ node: 'node-1', report, bound }, known)).toMatch(nameOfKey(tpm.public));
    expect(spec.usages).toEqual(['digital signature', 'client auth']);
    const kept = node.read(ATTESTED) ?? '';
    expect(new X509Certificate(kept).subject).toMatch('CN=system:node:node-1');
    const key = createPrivateKey(kept.slice(kept.indexOf('-----BEGIN PRIVATE KEY')));
    const spki = createPublicKey(key).export({ type: 'spki', format: 'der' });
    expect(base64(spki)).toBe(base64(bound));
    expect(statSync(path.join(node.root, ATTESTED)).mode & 0o777).toBe(0o600);
  });

  it('gives kubelet the certificate and never the token', async () => {
    approves();
    await agent.run();
    const file = '/var/lib/kubelet/pki/kios-attested.pem';
    expect(parse(node.read(BOOTSTRAP) ?? '')).toMatchObject({
      users: [{ user: { 'client-certificate': file, 'client-key': file } }],
    });
    expect(node.read(BOOTSTRAP)).not.toContain(TOKEN.slice(7));
    expect(node.sent).toEqual(['03']);
  });

  it('asks once: the next run, and the next boot, go on with what is there', async () => {
    approves();
    await agent.run();
    const before = agent.cluster.asked.length;
    await agent.run();
    node.boot({ bootId: 'boot-2' });
    node.lease();
    await agent.run();
    expect(agent.cluster.asked).toHaveLength(before);
  });

  it('asks again when the certificate is gone', async () => {
    approves();
    await agent.run();
    node.remove(ATTESTED);
    await agent.run();
    expect(names().filter((ev) => ev === 'attest.approved')).toHaveLength(2);
  });

  it('goes on without the document, and leaves nothing once kubelet has its own certificate', async () => {
    approves();
    await agent.run();
    node.seed(documentWith({}).replace(/"auth":\{[^}]*\}/, '"node":{}'));
    expect((await agent.run()).outcome).toBe('pending');
    node.seed(documentWith({ attest: true }));
    node.kubeletJoins(pem('node.crt'));
    expect((await agent.run()).outcome).toBe('joined');
    expect([node.read(ATTESTED), node.read(BOOTSTRAP)]).toEqual([undefined, undefined]);
  });

  it.each([
    [
      'denies the request',
      { conditions: [{ type: 'Denied', message: 'it is another machine' }] },
      200,
      'it is another machine',
    ],
    [
      'fails to sign',
      { conditions: [{ type: 'Failed', reason: 'SignerValidationFailure' }] },
      200,
      'Failed: Signer',
    ],
    ['forbids the request', {}, 403, 'the server answers 403'],
  ])('writes nothing when the cluster %s', async (_, status, code, says) => {
    decides(status, code);
    const told = await fault();
    expect([told.split(' ')[0], told]).toEqual([
      'KIOS_BOOTSTRAP_DENIED',
      expect.stringContaining(says),
    ]);
    expect([node.read(ATTESTED), node.read(BOOTSTRAP), node.sent]).toEqual([
      undefined,
      undefined,
      [],
    ]);
  });

  it.each([
    [
      'has no quote',
      { v: 1, quoted: false, code: 'KIOS_INIT_ATTEST', cause: 'have the TPM prove' },
      'KIOS_INIT_ATTEST',
    ],
    ['leaves the report out', { v: 1, quoted: true }, 'what cannot be read'],
    ['says nothing', {}, 'what cannot be read'],
    [
      'has a log that cannot be read',
      { ...quoted(Uint8Array.of(1)), log: 'AAAA' },
      'the log of the firmware is unreadable',
    ],
  ])('writes nothing when init %s', async (_, line, says) => {
    reply = () => line;
    approves();
    const told = await fault();
    expect([told.split(' ')[0], told]).toEqual([
      'KIOS_BOOTSTRAP_ATTEST',
      expect.stringContaining(says),
    ]);
    expect(agent.cluster.asked.filter(({ body }) => body !== undefined)).toEqual([]);
  });

  it('tells that init has no such socket', async () => {
    init.close();
    node.remove('run/kios/control');
    expect(await fault()).toMatch('KIOS_BOOTSTRAP_ATTEST');
  });

  it('keeps what it got for another cluster, also where a leftover was', async () => {
    approves();
    await agent.run();
    node.kubeletJoins(pem('node.crt'));
    await agent.run();
    node.write(ATTESTED, pem('node.crt'));
    agent.cluster.ca = pem('other.crt');
    node.seed(documentWith({ attest: true }, 'other'));
    expect((await agent.run()).outcome).toBe('pending');
    expect(node.read(ATTESTED)).toContain('PRIVATE KEY');
    expect(node.read(BOOTSTRAP)).toContain('kios-attested.pem');
  });

  it('needs a token', async () => {
    node.seed(
      documentWith({ attest: true, bootstrapToken: undefined, exec: { command: 'login' } }),
    );
    expect(await fault()).toMatch('beside attest');
  });
});

it('without auth.attest nobody asks the TPM', async () => {
  reply = () => ({});
  node.seed(documentWith({ attest: false }));
  expect((await agent.run()).outcome).toBe('pending');
  expect(node.read(BOOTSTRAP)).toContain(TOKEN);
});

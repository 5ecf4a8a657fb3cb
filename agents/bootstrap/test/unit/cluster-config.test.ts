import { createHmac, generateKeyPairSync } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { normaliseEndpoint, readClusterConfig } from '../../src/core/cluster/cluster-config.ts';
import { jwsFault } from '../../src/core/cluster/jws.ts';
import { parseCertificates } from '../../src/core/cluster/pem.ts';
import type { NodeBootstrap } from '../../src/core/document/schema.ts';
import { checkLabels } from '../../src/core/node/labels.ts';
import { inspectPair } from '../../src/edge/node/certificates.ts';

describe('an endpoint', () => {
  it.each([
    ['https://host', 'https://host:6443'],
    ['https://host/', 'https://host:6443'],
    ['https://host:443', 'https://host:443'],
    ['https://10.0.2.2:45678', 'https://10.0.2.2:45678'],
    ['https://[fd00::1]', 'https://[fd00::1]:6443'],
    ['https://HOST:0443/', 'https://host:443'],
    ['https://cp.example.com.', 'https://cp.example.com.:6443'],
    ['https://[2001:DB8::1]:6443', 'https://[2001:db8::1]:6443'],
  ])('%s is %s', (given, normal) => {
    expect(normaliseEndpoint(given)).toBe(normal);
  });

  it.each([
    'http://host:6443',
    'host:6443',
    'https://0.0.0.0:6443',
    'https://[::]:6443',
    'https://user:pass@host',
    'https://host/path',
    'https://host?x=1',
    'https://5',
    'https://0x7f.1',
    'https://192.0.2.010',
    'https://192.0.2.1\n0:6443',
    'https://host:0',
    '',
  ])('%j is refused', (given) => {
    expect(() => normaliseEndpoint(given)).toThrow('cluster.endpoint');
  });
});

describe('a cluster', () => {
  const base: NodeBootstrap = { apiVersion: 'kios.dev/v1', kind: 'NodeBootstrap' };
  const auth = { bootstrapToken: 'abcdef.0123456789abcdef' };
  const pins = [`sha256:${'a'.repeat(64)}`];

  it('is optional', () => {
    expect(readClusterConfig(base, inspectPair)).toBeUndefined();
  });

  it.each([
    [{ auth }, 'cluster: is required'],
    [{ cluster: { endpoint: 'https://h' }, auth }, 'caCertHashes: is required where'],
    [{ cluster: { endpoint: 'https://h', caCertHashes: pins } }, 'auth: is required'],
    [{ cluster: { caCertHashes: pins }, auth }, 'cluster.endpoint: is required'],
    [{ cluster: { endpoint: 'https://h', caBundle: 'x' }, auth }, 'cluster.caBundle: is not PEM'],
  ])('%j is refused: %s', (part, why) => {
    expect(() => readClusterConfig({ ...base, ...part }, inspectPair)).toThrow(why);
  });

  it('skipping verification counts only when nothing can be verified', () => {
    const cluster = { endpoint: 'https://h', unsafeSkipCAVerification: true };
    expect(readClusterConfig({ ...base, cluster, auth }, inspectPair)?.trust.skipVerification).toBe(
      true,
    );
    const pinned = { ...cluster, caCertHashes: pins };
    expect(
      readClusterConfig({ ...base, cluster: pinned, auth }, inspectPair)?.trust.skipVerification,
    ).toBe(false);
  });
});

describe('certificates', () => {
  const pem = '-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n';

  it('are PEM with text around it, or base64 of PEM', () => {
    expect(parseCertificates(`comment\r\n${pem.replaceAll('\n', '\r\n')}${pem}`)).toEqual([
      pem,
      pem,
    ]);
    expect(parseCertificates(Buffer.from(pem).toString('base64'))).toEqual([pem]);
  });

  it('a private key is refused and not quoted', () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
    expect(() => parseCertificates(`${pem}${key}`)).toThrow(/^holds a private key/);
  });

  it.each(['', '-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----'])(
    '%j is refused',
    (text) => {
      expect(() => parseCertificates(text)).toThrow(/PEM|base64/);
    },
  );
});

const b64 = (text: string): string => Buffer.from(text).toString('base64url');

describe('the detached signature', () => {
  const token = { id: 'abcdef', secret: '0123456789abcdef' };
  const content = 'kind: Config\n';

  function sign(header: string, secret = token.secret, body = content): string {
    const mac = createHmac('sha256', secret).update(`${b64(header)}.${b64(body)}`);
    return `${b64(header)}..${mac.digest('base64url')}`;
  }
  const header = '{"alg":"HS256","kid":"abcdef"}';

  it('of the token is accepted', async () => {
    expect(await jwsFault(sign(header), content, token)).toBeUndefined();
  });

  it.each([
    ['none', sign('{"alg":"none","kid":"abcdef"}'), 'header is not exactly'],
    ['RS256', sign('{"alg":"RS256","kid":"abcdef"}'), 'header is not exactly'],
    ['more than we know', sign('{"alg":"HS256","kid":"abcdef","crit":["x"]}'), 'header is not'],
    ['another kid', sign('{"alg":"HS256","kid":"zzzzzz"}'), 'another token'],
    ['another secret', sign(header, 'ffffffffffffffff'), 'does not match'],
    ['another content', sign(header, token.secret, 'other'), 'does not match'],
    ['an attached payload', sign(header).replace('..', `.${b64(content)}.`), 'not a detached'],
    ['a cut signature', sign(header).slice(0, -4), '32 bytes'],
    ['no base64', '!..!', 'base64url'],
    ['no JSON', `${b64('x')}..${b64('y')}`, 'not JSON'],
    ['nothing', '', 'not a detached'],
  ])('with %s is refused', async (_name, jws, why) => {
    expect(await jwsFault(jws, content, token)).toContain(why);
  });
});

describe('labels', () => {
  it.each([
    ['example.com/rack', 'a1'],
    ['plain', ''],
    ['node.kubernetes.io/pool', 'x'],
    ['a.node.kubernetes.io/pool', 'x'],
    ['topology.kubernetes.io/zone', 'z1'],
  ])('%s=%s stays', (key, value) => {
    expect(checkLabels({ [key]: value })).toEqual({ labels: [[key, value]], dropped: [] });
  });

  it.each([
    ['node-role.kubernetes.io/worker', ''],
    ['node-restriction.kubernetes.io/x', 'y'],
    ['x.k8s.io/y', 'z'],
    ['kubernetes.io/role', 'x'],
    ['/x', 'y'],
    ['a/b/c', 'y'],
    ['-bad', 'y'],
    ['UPPER.com/x', 'y'],
    ['ok', 'bad value'],
    ['ok', 'x'.repeat(64)],
    ['ok', 5],
  ])('%s=%s is dropped', (key, value) => {
    const { labels, dropped } = checkLabels({ [key]: value });
    expect([labels, dropped.map((item) => item.key)]).toEqual([[], [key]]);
  });
});

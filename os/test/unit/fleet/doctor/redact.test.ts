import { describe, expect, it } from 'vitest';

import { HIDDEN, redactText, redactValue } from '../../../../src/fleet/doctor/redact.ts';
import { SECRET_LINES, SECRETS } from '../../../support/doctor/secrets.ts';

describe('a text', () => {
  it.each(SECRET_LINES)('loses what is secret: %s', (line) => {
    const redacted = redactText(line);
    for (const secret of Object.values(SECRETS)) expect(redacted).not.toContain(secret);
    expect(redacted).toContain(HIDDEN);
  });

  it.each([
    'I1129 12:00:01.123456 1 kubelet.go:42] "Starting kubelet" node="node-1" err="token expired"',
    '{"t":"2026-11-29T00:00:00.000Z","up":12.5,"lvl":"info","agent":"init","ev":"kubelet.ready","ms":900}',
    'pull kios.invalid/dhcp:0.1.0@sha256:df0cec35e985f4538a9920abd2f79a93103474fc76887893e4dafba17156a73e',
    'kubelet_certificate_manager_client_ttl_seconds 3.1e+07',
    'see https://192.0.2.10:6443/api/v1/nodes/node-1?timeout=10s and fe80::1',
    'pull docker://registry.example/a@sha256:df0cec35e985f4538a9920abd2f79a93103474fc76887893e4dafba17156a73e',
    'may require authorization: server message: insufficient_scope: authorization failed',
    'E1129 queue.go:7] "Syncing failed" key="kube-system/dhcp" tokenFile=/var/a secretName: b',
    'keys: 3, compass: north, author=a, key: node.kubernetes.io/not-ready',
  ])('without secrets stays as it is: %s', (line) => {
    expect(redactText(line)).toBe(line);
  });

  it('keeps what stands around a secret', () => {
    expect(redactText('https://a:b@c.example/v2/?x=1&token=abcd&y=2')).toBe(
      `https://${HIDDEN}@c.example/v2/?x=1&token=${HIDDEN}&y=2`,
    );
    expect(redactText('{"token":"abcd","n":1}')).toBe(`{"token":"${HIDDEN}","n":1}`);
    expect(redactText('token abcdef.0123456789abcdef is dead')).toBe(
      `token abcdef.${HIDDEN} is dead`,
    );
  });
});

describe('an object', () => {
  it('loses the values of its environment, and keeps their names', () => {
    const container = {
      env: [
        { name: 'HOME', value: SECRETS.environment },
        { name: 'KEY', valueFrom: { secretKeyRef: { name: 'of-a-secret', key: 'key' } } },
      ],
    };
    expect(redactValue(container)).toEqual({
      env: [
        { name: 'HOME', value: HIDDEN },
        { name: 'KEY', valueFrom: { secretKeyRef: { name: 'of-a-secret', key: 'key' } } },
      ],
    });
  });

  it('loses what its names call a secret, in lists and headers too', () => {
    const configuration = {
      clientToken: SECRETS.flag,
      passwords: [SECRETS.flag, SECRETS.yaml],
      staticPodURLHeader: { 'X-Any': [SECRETS.header] },
      registry: { authorization: SECRETS.basic },
    };
    expect(redactValue(configuration)).toEqual({
      clientToken: HIDDEN,
      passwords: [HIDDEN, HIDDEN],
      staticPodURLHeader: HIDDEN,
      registry: { authorization: HIDDEN },
    });
  });

  it('loses the words that a program is given as secrets', () => {
    const command = ['agent', '--token', SECRETS.nextWord, `--password=${SECRETS.flag}`, '--db-pass', SECRETS.flag, '--key', '--v=2']; // prettier-ignore
    expect(redactValue({ args: command })).toEqual({
      args: ['agent', '--token', HIDDEN, `--password=${HIDDEN}`, '--db-pass', HIDDEN, '--key', '--v=2'], // prettier-ignore
    });
  });

  it('loses headers of a probe and annotations whose name says so', () => {
    const annotations = { 'a.example/key': SECRETS.flag, 'a.example/psk': SECRETS.flag };
    const httpHeaders = [
      { name: 'X-Auth-Token', value: SECRETS.header },
      { name: 'Authorization', value: SECRETS.header },
      { name: 'Host', value: 'a.example' },
    ];
    expect(redactValue({ annotations, httpHeaders })).toEqual({
      annotations: { 'a.example/key': HIDDEN, 'a.example/psk': HIDDEN },
      httpHeaders: [
        { name: 'X-Auth-Token', value: HIDDEN },
        { name: 'Authorization', value: HIDDEN },
        { name: 'Host', value: 'a.example' },
      ],
    });
  });

  it('loses copies of itself', () => {
    const metadata = {
      name: 'a',
      managedFields: [{}],
      annotations: {
        'kubectl.kubernetes.io/last-applied-configuration': SECRETS.applied,
        'example/token': SECRETS.annotation,
        'kios.dev/start': 'first',
      },
    };
    expect(redactValue({ metadata })).toEqual({
      metadata: { name: 'a', annotations: { 'example/token': HIDDEN, 'kios.dev/start': 'first' } },
    });
  });

  it('keeps what only seems secret', () => {
    const kept = {
      secretName: 'of-a-secret',
      automountServiceAccountToken: false,
      tlsPrivateKeyFile: '/var/lib/kubelet/pki/kubelet.key',
      authorization: { mode: 'Webhook' },
      featureGates: { BoundServiceAccountTokenVolume: true },
      tokenExpirationSeconds: 3607,
      topologyKey: 'kubernetes.io/hostname',
      tolerations: [{ key: 'node.kubernetes.io/unreachable', value: 'a' }],
    };
    expect(redactValue(kept)).toEqual(kept);
  });

  it('loses every secret line, wherever it stands', () => {
    const text = JSON.stringify(redactValue({ items: [{ message: SECRET_LINES, deep: { SECRET_LINES } }] })); // prettier-ignore
    for (const secret of Object.values(SECRETS)) expect(text).not.toContain(secret);
  });
});

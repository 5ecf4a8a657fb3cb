import { expect, it } from 'vitest';

import { reasonOf } from '../src/failure.ts';
import { describeShown } from '../src/shown-certificate.ts';

const failed = (code: string): Error => Object.assign(new Error('it failed'), { code });

it.each([
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'authority'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'authority'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'authority'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'authority'],
  ['CERT_SIGNATURE_FAILURE', 'authority'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'name'],
  ['HOSTNAME_MISMATCH', 'name'],
  ['CERT_NOT_YET_VALID', 'early'],
  ['CERT_HAS_EXPIRED', 'expired'],
  ['ERR_SSL_WRONG_VERSION_NUMBER', 'no tls'],
  ['EPROTO', 'no tls'],
  ['CERT_REVOKED', 'tls'],
  ['ENOTFOUND', 'unnamed'],
  ['ECONNREFUSED', 'refused'],
  ['EHOSTUNREACH', 'other'],
])('%s is of %s', (code, reason) => {
  expect(reasonOf(failed(code))).toBe(reason);
});

it('an error without a code has no reason of its own', () => {
  expect(reasonOf(new Error('x'))).toBe('other');
  expect(reasonOf('x')).toBe('other');
});

const name = (CN: string | string[]) => ({ C: '', ST: '', L: '', O: '', OU: '', CN });

it.each([
  [
    'all of it',
    {
      subject: name('lb'),
      issuer: name('Corp Root'),
      subjectaltname: 'DNS:lb.example, IP Address:192.0.2.1',
      valid_from: 'Nov 26 17:30:01 2026 GMT',
      valid_to: 'Nov 26 17:30:01 2027 GMT',
    },
    'it is that of lb, signed by Corp Root, for lb.example, 192.0.2.1, valid from 2026-11-26T17:30:01.000Z to 2027-11-26T17:30:01.000Z',
  ],
  [
    'two names in one, and no others',
    { subject: name(['a', 'b']), issuer: name('x') },
    'it is that of a b, signed by x',
  ],
  ['nothing', {}, undefined],
])('a certificate with %s in words', (_what, shown, words) => {
  expect(describeShown(shown)).toBe(words);
});

it('what a server says of itself does not fill a line', () => {
  expect(describeShown({ subject: name('x'.repeat(9000)) })?.length).toBeLessThan(200);
});

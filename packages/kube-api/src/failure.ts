import { errorCode } from '@kios/errors';

/**
 * Why a connection failed, as far as it decides what helps. `authority`: nobody who is trusted has signed the
 * certificate. `name`: it is for other addresses. `early`, `expired`: its time. `no tls`: what replies speaks something
 * else. `tls`: another fault of that layer. `unnamed`: the name has no address. `refused`: nobody listens there.
 */
export type Reason =
  | 'authority'
  | 'name'
  | 'early'
  | 'expired'
  | 'no tls'
  | 'tls'
  | 'unnamed'
  | 'refused'
  | 'other';

/** OpenSSL's verify codes, and names of Node and Bun, by what they are about. The first that matches counts. */
const REASONS: readonly (readonly [codes: RegExp, reason: Reason])[] = [
  [/^(?:ERR_TLS_CERT_ALTNAME_|HOSTNAME_MISMATCH)/, 'name'],
  [/NOT_YET_VALID/, 'early'],
  [/HAS_EXPIRED/, 'expired'],
  [
    /^(?:UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|INVALID_CA|CERT_SIGNATURE_FAILURE|CERT_UNTRUSTED)/,
    'authority',
  ],
  [/^(?:EPROTO$|ERR_SSL_WRONG_VERSION_NUMBER|ERR_SSL_PACKET_LENGTH)/, 'no tls'],
  [/^(?:ERR_TLS_|ERR_SSL_|CERT_)/, 'tls'],
  [/^(?:ENOTFOUND|EAI_|ENODATA)/, 'unnamed'],
  [/^(?:ECONNREFUSED|ConnectionRefused)/, 'refused'],
];

export const reasonOf = (error: unknown): Reason => {
  const code = errorCode(error) ?? '';
  return REASONS.find(([codes]) => codes.test(code))?.[1] ?? 'other';
};

/** Why a certificate is not trusted, in our words: those of the libraries are about their own options. */
const WORDS = {
  authority: 'nobody who is trusted has signed its certificate',
  name: 'its certificate is not for that address',
  early: 'its certificate is not yet valid',
  expired: 'its certificate has expired',
  'no tls': 'what replies there does not speak TLS',
  tls: 'its TLS cannot be used',
} as const satisfies Partial<Record<Reason, string>>;

/** A reason for which what replies is not, or cannot be, the server. */
export type Distrust = keyof typeof WORDS;

export const isDistrust = (reason: Reason): reason is Distrust => reason in WORDS;

export const wordsOf = (reason: Distrust): string => WORDS[reason];

/** Whether the certificate itself says more about the fault. */
export const isOfCertificate = (reason: Distrust): boolean =>
  reason !== 'no tls' && reason !== 'tls';

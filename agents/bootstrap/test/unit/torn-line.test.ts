import { isDeepStrictEqual } from 'node:util';

import { describe, expect, it } from 'vitest';

import { parseDocument } from '../support/documents.ts';

const TOKEN = 'k1os01.4f6d2b8a9c3e7d10';
const OTHER_TOKEN = 'k1os02.0a9b8c7d6e5f4a3b';
const HASH = `sha256:${'5c'.repeat(32)}`;
const PASSWORD = 'hq7zx2wpvk9trm4ybd3';

const LINES: Readonly<Record<string, string>> = {
  'the token in the middle': `kubeadm join 192.0.2.10:6443 --token ${TOKEN} --discovery-token-ca-cert-hash ${HASH}`,
  'the token at the end': `kubeadm join --discovery-token-ca-cert-hash=${HASH} 192.0.2.10:6443 --token=${TOKEN}`,
  'two tokens': `kubeadm join 192.0.2.10:6443 --discovery-token ${TOKEN} --tls-bootstrap-token ${OTHER_TOKEN} --discovery-token-ca-cert-hash ${HASH}`,
  'a proxy with a password': `sudo HTTPS_PROXY=http://node:${PASSWORD}@proxy.example:3128 kubeadm join 192.0.2.10:6443 --token ${TOKEN} --discovery-token-ca-cert-hash ${HASH}`,
  'a file with a password': `kubeadm join --discovery-file https://node:${PASSWORD}@files.example/c.conf --tls-bootstrap-token ${TOKEN}`,
  'an endpoint with a password': `kubeadm join https://node:${PASSWORD}@192.0.2.10:6443 --token ${TOKEN} --discovery-token-ca-cert-hash ${HASH}`,
};

/** Ends of a line, as terminals, mail programs and editors put them into the middle of one. */
const ENDS = ['\n', '\n> ', '\\\r\n', '\\\n> ', '\\ \n', ' \\\n  ', ' ', '\\    ', '"\n"', '\n\n'];

/** Pieces of the secrets that nobody could take for something else. */
const PIECES = [TOKEN.slice(7), OTHER_TOKEN.slice(7), PASSWORD].flatMap((secret) =>
  Array.from({ length: secret.length - 4 }, (_none, at) => secret.slice(at, at + 5)),
);

interface Said {
  readonly text: string;
  readonly auth?: unknown;
}

function read(text: string): Said {
  try {
    const { document, warnings } = parseDocument('line', text);
    return { text: JSON.stringify(warnings), auth: document.auth };
  } catch (error) {
    return { text: error instanceof Error ? `${error.message} ${JSON.stringify(error)}` : '' };
  }
}

const WHOLE = [{ bootstrapToken: TOKEN }, { bootstrapToken: OTHER_TOKEN, discoveryToken: TOKEN }];

/** In each secret and right beside it. */
const placesOf = (line: string): readonly number[] =>
  [TOKEN, OTHER_TOKEN, PASSWORD].flatMap((secret) => {
    const start = line.indexOf(secret);
    const places = Array.from({ length: secret.length + 3 }, (_none, at) => start - 1 + at);
    return start === -1 ? [] : places;
  });

const isGood = ({ text, auth }: Said): boolean =>
  !PIECES.some((piece) => text.includes(piece)) &&
  (auth === undefined || WHOLE.some((whole) => isDeepStrictEqual(whole, auth)));

describe('a line that is torn at a secret', () => {
  it.each(Object.entries(LINES))(
    'gives its whole tokens or none, and says nothing of them: %s',
    (_name, line) => {
      const faults = ENDS.flatMap((end) =>
        placesOf(line).map((at) => {
          const text = `${line.slice(0, at)}${end}${line.slice(at)}`;
          return { text, said: read(text) };
        }),
      ).filter(({ said }) => !isGood(said));
      expect(faults).toEqual([]);
    },
  );
});

const torn = (end: string): string =>
  `kubeadm join 192.0.2.10:6443 --token ${TOKEN.slice(0, 12)}${end}${TOKEN.slice(12)} --discovery-token-ca-cert-hash ${HASH}`;

describe('a token that is torn', () => {
  it.each(['\\\n', '\\\r\n', '\\\n> '])('by %j goes on, as in a shell', (end) => {
    expect(read(torn(end)).auth).toEqual({ bootstrapToken: TOKEN });
  });

  it.each(['\n', ' ', '\\\n  ', '\\ \n'])('by %j is named', (end) => {
    expect(read(torn(end)).text).toContain(
      '--token: has 12 of 23 characters; it must be 6 and 16 lower case letters or digits, with a dot between. Where a line end tore it, put it on one line',
    );
  });

  it('so is a hash, and the fold of a YAML text', () => {
    const hash = `kubeadm join 192.0.2.10:6443 --token ${TOKEN} --discovery-token-ca-cert-hash ${HASH.slice(0, 30)}\n${HASH.slice(30)}`;
    expect(read(hash).text).toContain('--discovery-token-ca-cert-hash.0: has 30 of 71 characters');
    const folded = `apiVersion: kios.dev/v1\nkind: NodeBootstrap\nauth:\n  bootstrapToken: ${TOKEN.slice(0, 12)}\n    ${TOKEN.slice(12)}\n`;
    expect(read(folded).text).toContain('auth.bootstrapToken: has a blank in it');
  });
});

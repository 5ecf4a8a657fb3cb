import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';

import { assert, property, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { parseBytes } from '../../src/core/document/document.ts';
import { mergeDocuments } from '../../src/core/document/merge.ts';
import type { NodeBootstrap } from '../../src/core/document/schema.ts';
import { decodeUserData, type Unpacked } from '../../src/core/document/user-data.ts';
import { decodeText, parseYaml } from '../../src/core/document/yaml.ts';
import { BootstrapError } from '../../src/core/faults/errors.ts';
import { parseCommandLine } from '../../src/core/providers/command-line.ts';
import { parseDocument, PLAIN } from '../support/documents.ts';

const HEAD = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';
const SECRET = '0123456789abcdeX';

function messageOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof BootstrapError) return `${error.code} ${error.message}`;
    throw error;
  }
  return 'accepted';
}

const mime = (parts: number, body: (part: number) => string): string => {
  const part = (_: unknown, n: number): string =>
    `--b\nContent-Type: text/yaml\n\n${HEAD}${body(n)}`;
  return `Content-Type: multipart/mixed; boundary=b\n\n${Array.from({ length: parts }, part).join('')}--b--`;
};

/** Parses a document in a process that ends when it needs much more memory than the container has. */
async function parseInSmallHeap(yaml: string): Promise<string> {
  const module = path.join(import.meta.dirname, '../support/documents.ts');
  const script = `
    import { readFileSync } from 'node:fs';
    import { parseDocument } from ${JSON.stringify(module)};
    try { parseDocument('seed', readFileSync(0, 'utf8')); } catch (error) { console.log(error.message); }`;
  const args = ['--max-old-space-size=64', '--input-type=module', '-e', script];
  const child = promisify(execFile)(process.execPath, args);
  child.child.stdin?.end(yaml);
  return (await child).stdout;
}

describe('a document', () => {
  it.each([
    ['cluster: {endpiont: x}', 'cluster.endpiont: not a known field; the nearest is endpoint'],
    ['node: {name: n1}\nnodes: {}', 'nodes: not a known field; the nearest is node'],
    [
      'node: {taints: [{kye: a, effect: NoExecute}]}',
      'taints.0.kye: not a known field; the nearest is key',
    ],
    ['auth: {bootstrapToken: 5}', 'auth.bootstrapToken: must be text'],
    [`auth: {bootstrapToken: abcdef.${SECRET}}`, 'auth.bootstrapToken: must be 6 and 16'],
    ['auth: {}', 'auth: must have exactly one of bootstrapToken,'],
    [
      `auth: {bootstrapToken: abcdef.0123456789abcdef, kubeconfig: x}`,
      'auth: must have exactly one',
    ],
    [
      'auth: {discoveryToken: abcdef.0123456789abcdef}',
      'auth: must have exactly one of bootstrapToken,',
    ],
    [
      'auth: {discoveryToken: abcdef.0123456789abcdef, kubeconfig: x}',
      'auth: must have bootstrapToken or bootstrapTokenFile beside discoveryToken',
    ],
    [
      'cluster: {caCertHashes: [sha256:12]}',
      'cluster.caCertHashes.0: has 9 of 71 characters; it must be sha256:',
    ],
    ['cluster: {caCertHashes: x}', 'cluster.caCertHashes: must be a list'],
    ['node: {taints: [{key: a, effect: Never}]}', 'node.taints.0.effect: must be NoSchedule'],
    ['node: {maxPods: 1.5}', 'node.maxPods: must be whole'],
    ['node: {maxPods: 0}', 'node.maxPods: must be 1 or more'],
    ['node: {ip: "1.2.3.4,::1,1.1.1.1"}', 'node.ip: must be auto'],
    ['node: {name: "a b/c"}', 'node.name: must be auto'],
    ['node: 5', 'node: must be a map'],
    ['kubelet: {config: []}', 'kubelet.config: must be a map'],
    ['extra: 1', 'extra: not a known field'],
    ['node: {nameFrom: hostname}', 'node.nameFrom: must be instanceId'],
  ])('%s is refused: %s', (yaml, why) => {
    const message = messageOf(() => parseDocument('seed', HEAD + yaml));
    expect(message).toContain('KIOS_BOOTSTRAP_FIELD read seed: ');
    expect(message).toContain(why);
    expect(message).not.toContain(SECRET);
  });

  it.each([
    ['a: 1\na: 2', 'line 2, column 1: duplicate key'],
    ['a: [1', 'line 1'],
    ['a: !!js/function x', 'tag resolve failed'],
    ['a: 1\n---\nb: 2', 'it has 2 YAML documents'],
    ['__proto__: {x: 1}', 'key __proto__ is not allowed'],
    ['? [a]\n: 1', 'non string key'],
  ])('YAML %j is refused: %s', (yaml, why) => {
    expect(messageOf(() => parseYaml('seed', yaml))).toContain(why);
  });

  it.each([
    ['a list', `a: [${'1,'.repeat(500_000)}]`],
    ['keys', Array.from({ length: 100_000 }, (_, n) => `k${n}: 1`).join('\n')],
    ['nesting', `a: ${'['.repeat(1_000_000)}`],
    ['errors', ']'.repeat(1_000_000)],
    ['parts', mime(98, (part) => `a: [${`${part},`.repeat(3000)}]\n`)],
  ])(
    'a megabyte of %s is refused in a small heap',
    async (_name, yaml) => {
      expect(await parseInSmallHeap(yaml)).toContain('more than 50000 words and signs');
    },
    30_000,
  );

  it('merge keys are carried out, and what comes by them is checked', () => {
    const config = (many: string): string =>
      `${HEAD}kubelet: {config: {<<: {maxPods: ${many}}, podsPerCore: 3}}`;
    expect(doc(config('4').slice(HEAD.length)).kubelet?.config).toEqual({
      maxPods: 4,
      podsPerCore: 3,
    });
    expect(messageOf(() => parseDocument('seed', config('many')))).toContain(
      'maxPods: must be a number',
    );
    expect(messageOf(() => parseYaml('seed', '"<<": {a: 1}'))).toContain(
      'the key << is not allowed',
    );
    expect(messageOf(() => parseYaml('seed', '<<: {__proto__: 1}'))).toContain('is not allowed');
  });

  it('a bomb of aliases is refused', () => {
    const levels = Array.from(
      { length: 9 },
      (_, n) => `l${n + 1}: &l${n + 1} [${Array.from({ length: 9 }, () => `*l${n}`).join(', ')}]`,
    );
    const bomb = ['l0: &l0 [x, x, x]', ...levels].join('\n');
    expect(messageOf(() => parseYaml('seed', bomb))).toContain('aliases expand to too much');
  });

  it.each([
    ['UTF-16', [0xff, 0xfe, 0x61, 0], 'UTF-16'],
    ['NUL', [0x61, 0], 'NUL'],
    ['Latin-1', [0xe4, 0x61], 'not UTF-8'],
  ])('%s text is refused by name', (_name, bytes, why) => {
    expect(messageOf(() => decodeText('seed', Uint8Array.from(bytes)))).toContain(why);
  });

  it('a byte order mark and CRLF are accepted', () => {
    const bytes = new TextEncoder().encode(`\uFEFF${HEAD.replaceAll('\n', '\r\n')}`);
    expect(parseDocument('seed', decodeText('seed', bytes)).kind).toBe('NodeBootstrap');
  });

  it('any bytes give a document or a BootstrapError that does not quote them', () => {
    const secret = new TextEncoder().encode('# s3cret\n');
    assert(
      property(uint8Array({ maxLength: 300 }), (rest) => {
        const bytes = Uint8Array.from([...secret, ...rest]);
        const message = messageOf(() => parseBytes('seed', bytes, PLAIN));
        expect(message).not.toContain('s3cret');
      }),
    );
  });
});

const doc = (yaml: string): NodeBootstrap => parseDocument('d', HEAD + yaml).document;

describe('merging', () => {
  it('maps merge, lists and texts are replaced, and the secret is taken whole', () => {
    const merged = mergeDocuments([
      doc('node: {labels: {a: "1", b: "1"}, taints: [{key: x, effect: NoExecute}]}'),
      doc('auth: {bootstrapToken: aaaaaa.0000000000000000}\ncluster: {name: one, endpoint: e}'),
      doc('node: {labels: {b: "2"}, taints: []}\ncluster: {name: two}'),
    ]);
    expect(merged).toEqual({
      apiVersion: 'kios.dev/v1',
      kind: 'NodeBootstrap',
      cluster: { name: 'two', endpoint: 'e' },
      auth: { bootstrapToken: 'aaaaaa.0000000000000000' },
      node: { labels: { a: '1', b: '2' }, taints: [] },
    });
  });

  it.each([
    ['maxPods: 29', 'maxPods: 58'],
    ['taints: []', 'registerWithTaints: [{key: a, effect: NoExecute}]'],
    ['providerID: auto', 'providerID: a'],
  ])(
    'a later %s of the node replaces the earlier %s of kubelet, not the other way',
    (node, config) => {
      const earlier = doc(`kubelet: {config: {podsPerCore: 3, ${config}}}`);
      const later = doc(`node: {${node}}`);
      expect(mergeDocuments([earlier, later])?.kubelet?.config).toEqual({ podsPerCore: 3 });
      expect(mergeDocuments([later, earlier])?.kubelet).toEqual(earlier.kubelet);
    },
  );

  it('an empty list has no document', () => {
    expect(mergeDocuments([])).toBeUndefined();
  });
});

const decode = (bytes: Uint8Array): Unpacked =>
  decodeUserData('u', bytes, (data) => gunzipSync(data, { maxOutputLength: 1000 }));

describe('user data', () => {
  const text = `${HEAD}node: {name: n1}\n`;
  const base64 = Buffer.from(Buffer.from(text).toString('base64'));

  it.each([
    ['plain', Buffer.from(text)],
    ['gzip', gzipSync(text)],
    ['base64', base64],
    ['base64+gzip', Buffer.from(gzipSync(text).toString('base64'))],
  ])('%s is decoded', (format, bytes) => {
    const unpacked = decode(bytes);
    expect([unpacked.format, Buffer.from(unpacked.bytes).toString()]).toEqual([format, text]);
  });

  it.each([
    ['base64 of base64', Buffer.from(base64.toString('base64'))],
    ['gzip of base64', gzipSync(base64)],
    ['gzip of gzip', gzipSync(gzipSync(text))],
  ])('%s is refused, because somebody encoded it twice', (_name, bytes) => {
    expect(messageOf(() => decode(bytes))).toMatch(/encode it once|pack it once/);
  });

  it('a gzip bomb is refused', () => {
    expect(messageOf(() => decode(gzipSync(Buffer.alloc(5000))))).toContain('gzip');
  });

  it('more than 256 KiB is refused', () => {
    expect(messageOf(() => decode(Buffer.alloc(256 * 1024 + 1, 0x20)))).toContain('longer than');
  });
});

describe('the kernel command line', () => {
  it.each([
    ['quiet kios.provider=none', 'none'],
    ['kios.provider=none kios.provider=nocloud', 'nocloud'],
    ['ds=nocloud;s=x quiet', 'nocloud'],
    ['kios.provider=unheard-of', undefined],
    ['', undefined],
  ])('%j names %s', (line, provider) => {
    expect(parseCommandLine(line).provider).toBe(provider);
  });
});

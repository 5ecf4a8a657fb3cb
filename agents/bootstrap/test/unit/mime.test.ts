import { readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';

import { assert, property, uint8Array } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { type Content, parseBytes } from '../../src/core/document/document.ts';
import type { ParsedDocument } from '../../src/core/document/parsed-document.ts';
import { BootstrapError } from '../../src/core/faults/errors.ts';
import { clusterApi, LINE } from '../support/carriers.ts';

const DOCUMENT = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\nnode: {name: n1}\n';

const reader = {
  gunzip: (bytes: Uint8Array) => gunzipSync(bytes, { maxOutputLength: 1024 * 1024 }),
  names: {},
};
const contentOf = (...parts: readonly (string | Uint8Array)[]): Content =>
  parseBytes('u', Buffer.concat(parts.map((part) => Buffer.from(part))), reader);

function read(...parts: readonly (string | Uint8Array)[]): ParsedDocument {
  const content = contentOf(...parts);
  if (content.tag !== 'document') throw new Error(content.tag);
  return content.parsed;
}

function messageOf(...parts: readonly (string | Uint8Array)[]): string {
  try {
    return contentOf(...parts).tag;
  } catch (error) {
    if (error instanceof BootstrapError) return error.message;
    throw error;
  }
}

const HEAD = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="//"\n';
const END = '\n--//--\n';
const part = (type: string, encoding?: string): string =>
  `\n--//\nContent-Type: ${type}\n${encoding === undefined ? '' : `Content-Transfer-Encoding: ${encoding}\n`}\n`;
const YAML = part('application/yaml');
const base64 = (bytes: string | Uint8Array): string => Buffer.from(bytes).toString('base64');
const folded = (text: string): string => text.replaceAll(/.{60}/g, '$&\n');

describe('a part', () => {
  it.each([
    ['plain', YAML, DOCUMENT],
    ['in base64 by its header', part('text/yaml', 'base64'), folded(base64(DOCUMENT))],
    ['in base64 of gzip by its header', part('text/yaml', 'BASE64'), folded(base64(gzipSync(DOCUMENT)))],
    ['in base64 without a header', YAML, base64(DOCUMENT)],
    ['in base64 of gzip without a header', YAML, folded(base64(gzipSync(DOCUMENT)))],
    ['in raw gzip', part('application/x-yaml', 'binary'), gzipSync(DOCUMENT)],
    ['in raw gzip of its own type', part('application/gzip'), gzipSync(DOCUMENT)],
    ['in quoted-printable', part('text/yaml', 'quoted-printable'), DOCUMENT.replace('{', '{=\n').replace('n1', 'n=31')],
    ['with 8 bit letters', part('text/yaml; charset="utf-8"', '8bit'), `# Zürich\n${DOCUMENT}`],
    ['of no type that holds a document', '\n--//\n\n', DOCUMENT],
    ['of plain text that holds a document', part('text/plain; charset="us-ascii"'), DOCUMENT],
    ['with a comment for a boundary', YAML, `# --//x\n${DOCUMENT}`],
  ])('%s is decoded', (_what, head, body) => {
    expect(read(HEAD, head, body, END).document.node?.name).toBe('n1');
  }); // prettier-ignore

  it.each([
    ['plain text that holds none', part('text/plain'), 'hello'],
    ['cloud-config without a join', part('text/cloud-config'), '#cloud-config\nusers: []\n'],
    ['YAML for another program', part('application/yaml'), 'variant: fcos\nversion: 1.5.0\n'],
    ['a script', part('text/x-shellscript'), '#!/bin/sh\n'],
  ])('of %s is skipped, and the other is read', (_what, head, body) => {
    expect(read(HEAD, head, body, YAML, DOCUMENT, END).document.node?.name).toBe('n1');
    expect(contentOf(HEAD, head, body, END).tag).toBe('foreign');
  });

  it('may be cloud-config that carries a join, or a line', () => {
    const carried = read(HEAD, part('text/cloud-config'), clusterApi(), END);
    expect(carried.kind).toBe('MIME, cloud-config, JoinConfiguration');
    expect(read(HEAD, part('text/jinja2'), clusterApi(), END).document.cluster).toBeDefined();
    expect(read(HEAD, part('text/plain'), LINE, END).kind).toBe('MIME, kubeadm join');
  });

  it('may hold parts', () => {
    const inner = `Content-Type: multipart/mixed; boundary=in\n\n--in\nContent-Type: text/yaml\n\n${DOCUMENT}\n--in--\n`;
    expect(read(HEAD, '\n--//\n', inner, END).document.node?.name).toBe('n1');
    expect(messageOf(HEAD, '\n--//\n', inner.replace('NodeBootstrap', 'X'), END)).toContain('u, part 1.1: '); // prettier-ignore
  });

  it.each([
    ['that is torn', part('text/yaml', 'base64'), 'YXBp*', 'u, part 1: it is not the base64'],
    ['of an unknown encoding', part('text/yaml', 'x-uuencode'), 'a', 'Content-Transfer-Encoding'],
    ['without an empty line', '\n--//\nContent-Type: text/yaml\n', DOCUMENT, 'u, part 1: the empty line is missing'],
    ['that is broken', YAML, 'a: [', 'u, part 1: line '],
    ['that is zipped and broken', YAML, gzipSync(DOCUMENT).subarray(0, 40), 'u, part 1: its gzip data'],
  ])('%s is named', (_what, head, body, why) => {
    expect(messageOf(HEAD, head, body, END)).toContain(why);
  }); // prettier-ignore
});

const cases = (name: string): Buffer =>
  readFileSync(path.join(import.meta.dirname, '../vectors/cases', name));

describe('a MIME document', () => {
  it.each(['\n', '\r\n\r\n', '  \n', ' ', '\uFEFF', '\uFEFF\n'])(
    'with %j before it is one',
    (before) => {
      expect(read(before, HEAD, YAML, DOCUMENT, END).document.node?.name).toBe('n1');
    },
  );

  it.each([
    ['without the empty line', HEAD, YAML.slice(1), 'the empty line is missing between its MIME header'],
    ['without a boundary', HEAD.replace(/;.*/, ''), YAML, 'its MIME header names no boundary'],
    ['with another boundary', HEAD.replace('//"', '/x"'), YAML, 'is nowhere in it'],
  ])('%s is told so', (_what, head, body, why) => {
    expect(messageOf(head, body, DOCUMENT, END)).toContain(why);
  }); // prettier-ignore

  it.each([
    ['the headers of cloud-init', `Number-Attachments: 1\n${HEAD}`],
    [
      'a header of another program',
      `X-Made-By: terraform,\n  1.9\n${HEAD.replaceAll('\n', '\r\n')}`,
    ],
    ['the line of a mailbox', `From nobody Thu Nov 26 10:00:00 2026\n${HEAD}`],
  ])('behind %s is one', (_what, head) => {
    expect(read(head, YAML, DOCUMENT, END).document.node?.name).toBe('n1');
  });

  it('is no document whose text has the word', () => {
    const text = `${DOCUMENT}files: [{path: /etc/kios/x, content: "MIME-Version: 1.0"}]\n`;
    expect(read(text).kind).toBe('NodeBootstrap');
  });

  it.each(['', '\n', '# nothing yet\n', '---\n', 'null\n'])('may have a part with %j', (body) => {
    const { document, warnings } = read(HEAD, YAML, body, YAML, DOCUMENT, END);
    expect(document.node?.name).toBe('n1');
    expect(warnings).toEqual([{ path: 'u, part 1', why: 'it is empty' }]);
  });

  it('of Cluster API on AWS is told that its script fetches the rest', () => {
    const script = '#!/bin/bash\naws secretsmanager get-secret-value\n';
    expect(contentOf(HEAD, part('text/cloud-boothook'), script, END)).toMatchObject({
      tag: 'foreign',
      foreign: { what: expect.stringContaining('Secrets Manager') as unknown },
    });
  });

  it('without its last line is read to its end', () => {
    expect(read(HEAD, YAML, DOCUMENT).document.node?.name).toBe('n1');
  });

  it('of one part is that part', () => {
    const head =
      'MIME-Version: 1.0\nContent-Type: text/yaml\nContent-Transfer-Encoding: base64\n\n';
    expect(read(head, base64(DOCUMENT)).document.node?.name).toBe('n1');
  });

  it('whose parts unpack to more than one text may have is refused', () => {
    const zipped = gzipSync(`#${'x'.repeat(700_000)}\n${DOCUMENT}`);
    expect(messageOf(HEAD, YAML, zipped, YAML, zipped, END)).toContain('u, part 2: with the parts');
  });

  it('may be any bytes', () => {
    assert(
      property(uint8Array({ maxLength: 200 }), (bytes) => {
        messageOf(HEAD, YAML, bytes, END);
        messageOf(HEAD, bytes);
      }),
    );
  });
});

describe('the case', () => {
  it('15, a part in base64 of gzip, is as the plain part', () => {
    const { document, kind } = read(cases('15-mime-part-base64-gzip.txt'));
    expect([kind, document.cluster?.name]).toEqual(['MIME, NodeConfig', 'shop']);
  });

  it('19, an empty line before the head, is read', () => {
    expect(read(cases('19-mime-leading-newline.txt')).document.cluster?.name).toBe('shop');
  });

  it('26, no empty line behind the head, is told so', () => {
    expect(messageOf(cases('26-mime-no-blank-line.txt'))).toContain('the empty line is missing');
  });

  it('09, cloud-config of Cluster API, joins under the machine’s own name', () => {
    const { document, warnings } = read(cases('09-cluster-api-jinja.txt'));
    expect(document.cluster?.endpoint).toBe('https://192.0.2.10:6443');
    expect([document.node?.name, warnings]).toEqual([undefined, []]);
  });
});

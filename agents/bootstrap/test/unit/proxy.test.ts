import { readFileSync } from 'node:fs';
import path from 'node:path';

import * as v from 'valibot';
import { describe, expect, it } from 'vitest';

import { originsOf, withoutSecretValues } from '../../src/core/document/merge.ts';
import type { ParsedDocument } from '../../src/core/document/parsed-document.ts';
import type { NodeBootstrap } from '../../src/core/document/schema.ts';
import type { OutputFile } from '../../src/core/files/output-file.ts';
import { proxyFile } from '../../src/core/files/proxy-file.ts';
import { withoutPasswords } from '../../src/core/files/registry-files.ts';
import { renderFiles } from '../../src/core/files/render.ts';
import { parseDocument } from '../support/documents.ts';

const read = (body: string): NodeBootstrap =>
  parseDocument('d', `apiVersion: kios.dev/v1\nkind: NodeBootstrap\n${body}`).document;

const contentOf = (body: string, endpoint?: string): string | undefined =>
  proxyFile(read(body), [endpoint]).content;

/** Vectors that init reads too. */
const Vectors = v.object({
  good: v.array(
    v.object({ proxy: v.unknown(), endpoint: v.optional(v.string()), file: v.string() }),
  ),
});
const vectors = v.parse(
  Vectors,
  JSON.parse(
    readFileSync(
      path.resolve(import.meta.dirname, '../../../../packages/host-api/vectors/proxies.json'),
      'utf8',
    ),
  ),
);

/** Returns the file at a path among those of a node that has not joined. */
const fileOf = (document: NodeBootstrap, wanted: string): OutputFile | undefined =>
  renderFiles({
    document,
    cluster: undefined,
    hostname: undefined,
    nodeIp: undefined,
    hasIdentity: false,
    platformId: 'hcloud://1',
  }).find(({ path }) => path === wanted);

const proxyOf = (body: string): OutputFile | undefined => fileOf(read(body), 'kubernetes/proxy');

describe('the proxy of a document', () => {
  it.each(vectors.good)('is words for init: $proxy', ({ proxy, endpoint, file }) => {
    expect(contentOf(`proxy: ${JSON.stringify(proxy)}`, endpoint)).toBe(file);
  });

  it('is for no API server: that of a member either, whose document names none or another', () => {
    const { content } = proxyFile(read('proxy: {https: "http://p:1"}'), [
      undefined,
      'https://[fd00::9]:6443',
      'https://old:443',
      'https://old:6443',
    ]);
    expect(content).toMatch(/,\.cluster\.local,fd00::9,old\n$/);
  });

  it('is a file of its own that only root reads, and that goes with it', () => {
    expect(proxyOf('proxy: {http: "http://p:1"}')).toMatchObject({ mode: 0o600 });
    // kubelet and containerd have to be started with it.
    expect(proxyOf('proxy: {http: "http://p:1"}')?.isUserFile).toBeUndefined();
    expect(proxyOf('node: {}')).toMatchObject({ content: undefined });
  });

  it.each([
    ['proxy: {http: "p:3128"}', 'proxy.http: must be http://host:port'],
    ['proxy: {http: "socks5://p:1"}', 'proxy.http: must be http://host:port'],
    ['proxy: {http: "http://p:1/path"}', 'proxy.http: must be http://host:port'],
    ['proxy: {https: "http://p:1 PATH=/x"}', 'proxy.https: must be http://host:port'],
    ['proxy: {https: "http://p:1\\nPATH=/x"}', 'proxy.https: must be http://host:port'],
    ['proxy: {noProxy: [a]}', 'proxy: must have http or https'],
    ['proxy: {http: "http://p:1", noProxy: "a,b"}', 'proxy.noProxy: must be a list'],
    ['proxy: {http: "http://p:1", noProxy: ["a,b"]}', 'proxy.noProxy.0: must be a name'],
    ['proxy: {http: "http://p:1", no_proxy: [a]}', 'no_proxy'],
  ])('is refused: %s', (body, fault) => {
    expect(() => read(body)).toThrow(fault);
  });

  it('shows no password', () => {
    const document = read('proxy: {http: "http://user:se@cret@p:1", https: "http://q:2"}');
    const shown = JSON.stringify([
      originsOf([{ source: 'd', kind: 'x', warnings: [], document }]),
      withoutPasswords(document),
      withoutSecretValues(document),
    ]);
    expect(shown).not.toContain('cret');
    expect(shown).toContain('http://…@p:1');
    expect(shown).toContain('http://q:2');
    expect(() => read('proxy: {http: "ftp://user:secret@p"}')).not.toThrow(/secret/);
  });
});

const manager = (document: NodeBootstrap): string | undefined =>
  fileOf(document, 'kubernetes/cloud-provider')?.content;
const kubeadm = (value: string): ParsedDocument =>
  parseDocument(
    'd',
    `apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery: {bootstrapToken: {apiServerEndpoint: "192.0.2.10:6443", token: k1os01.4f6d2b8a9c3e7d10, unsafeSkipCAVerification: true}}
nodeRegistration: {kubeletExtraArgs: [{name: cloud-provider, value: ${value}}]}
`,
  );

describe("a cloud's own manager", () => {
  it('is named in the document', () => {
    expect(manager(read('node: {cloudProvider: external}'))).toBe('external\n');
    expect(manager(read('node: {}'))).toBeUndefined();
    expect(() => read('node: {cloudProvider: aws}')).toThrow(
      'node.cloudProvider: must be external',
    );
  });

  it("is taken from kubelet's flag in another form", () => {
    const { document, warnings } = kubeadm('external');
    expect(manager(document)).toBe('external\n');
    expect(warnings).toEqual([]);
    expect(kubeadm('aws').warnings).toMatchObject([
      { path: expect.stringMatching(/cloud-provider/) as unknown },
    ]);
  });
});

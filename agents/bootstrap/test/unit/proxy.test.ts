import { describe, expect, it } from 'vitest';

import { parseDocument } from '../../src/core/document/document.ts';
import { originsOf } from '../../src/core/document/merge.ts';
import type { NodeBootstrap } from '../../src/core/document/schema.ts';
import { proxyFile } from '../../src/core/files/proxy-file.ts';
import { withoutPasswords } from '../../src/core/files/registry-files.ts';
import { renderFiles } from '../../src/core/files/render.ts';

const read = (body: string): NodeBootstrap =>
  parseDocument('d', `apiVersion: kios.dev/v1\nkind: NodeBootstrap\n${body}`).document;

const contentOf = (body: string, endpoint?: string): string | undefined =>
  proxyFile(read(body), endpoint).content;

const DIRECT = 'localhost,127.0.0.0/8,::1,169.254.0.0/16,.svc,.cluster.local';

describe('the proxy of a document', () => {
  it.each([
    [
      'both ways, and what is reached directly',
      'proxy: {http: "http://p:1", https: "https://u:s@q:2", noProxy: [10.0.0.0/8, .corp, 10.0.0.0/8]}',
      'https://h:6443',
      `HTTP_PROXY=http://p:1\nHTTPS_PROXY=https://u:s@q:2\nNO_PROXY=${DIRECT},h,10.0.0.0/8,.corp\n`,
    ],
    [
      'an API server by its IPv6 address',
      'proxy: {https: "http://p:1"}',
      'https://[fd00::1]:6443',
      `HTTPS_PROXY=http://p:1\nNO_PROXY=${DIRECT},fd00::1\n`,
    ],
    [
      'no cluster',
      'proxy: {https: "http://[fd00::5]:3128/"}',
      undefined,
      `HTTPS_PROXY=http://[fd00::5]:3128/\nNO_PROXY=${DIRECT}\n`,
    ],
  ])('is words for init: %s', (_what, body, endpoint, content) => {
    expect(contentOf(body, endpoint)).toBe(content);
  });

  it('is a file of its own that only root reads, and that goes with it', () => {
    const file = (body: string) =>
      renderFiles({
        document: read(body),
        cluster: undefined,
        hostname: undefined,
        nodeIp: undefined,
        hasIdentity: false,
        platformId: undefined,
      }).find(({ path }) => path === 'kubernetes/proxy');
    expect(file('proxy: {http: "http://p:1"}')).toMatchObject({ mode: 0o600 });
    // kubelet and containerd have to be started with it.
    expect(file('proxy: {http: "http://p:1"}')?.isUserFile).toBeUndefined();
    expect(file('node: {}')).toMatchObject({ content: undefined });
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
    ]);
    expect(shown).not.toContain('cret');
    expect(shown).toContain('http://…@p:1');
    expect(shown).toContain('http://q:2');
    expect(() => read('proxy: {http: "ftp://user:secret@p"}')).not.toThrow(/secret/);
  });
});

describe("a cloud's own manager", () => {
  const manager = (document: NodeBootstrap) =>
    renderFiles({
      document,
      cluster: undefined,
      hostname: undefined,
      nodeIp: undefined,
      hasIdentity: false,
      platformId: 'hcloud://1',
    }).find(({ path }) => path === 'kubernetes/cloud-provider')?.content;
  const kubeadm = (value: string) =>
    parseDocument(
      'd',
      `apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery: {bootstrapToken: {apiServerEndpoint: "192.0.2.10:6443", token: k1os01.4f6d2b8a9c3e7d10, unsafeSkipCAVerification: true}}
nodeRegistration: {kubeletExtraArgs: [{name: cloud-provider, value: ${value}}]}
`,
    );

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
      { path: expect.stringMatching(/cloud-provider/) },
    ]);
  });
});

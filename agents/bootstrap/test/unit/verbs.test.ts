import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { ApiServer } from '../../src/edge/cluster/api-server.ts';
import { checkUserData, reportUserData } from '../../src/verbs/check-userdata.ts';
import { joinNode } from '../../src/verbs/join.ts';
import { planReset, reset } from '../../src/verbs/reset.ts';
import { clusterApi } from '../support/carriers.ts';
import { testLogger } from '../support/logger.ts';
import { clusterDocument, NodeFolder, TOKEN } from '../support/node-folder.ts';

const CA = readFileSync(path.join(import.meta.dirname, '../support/fixtures/ca-a.crt'), 'utf8');
const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: CA });

let node: NodeFolder;
const api: ApiServer = { get: async () => Promise.resolve({ status: 200, body: '{}' }) };
const log = testLogger();

beforeEach(async () => {
  node = await NodeFolder.make();
  node.lease();
});
afterEach(async () => {
  await node[Symbol.asyncDispose]();
});

const filesIn = (dir: string): readonly string[] =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(dir, path.join(entry.parentPath, entry.name)))
    .toSorted();

const context = () => ({
  settings: node.settings,
  log,
  signal: new AbortController().signal,
  openApi: () => api,
});

describe('reset', () => {
  it('restores the folder from before joining, and restarts kubelet once', async () => {
    const before = filesIn(node.settings.etc);
    const file = '"files":[{"path":"/etc/cni/net.d/1.conf","content":"x"}],"node"';
    node.seed(DOCUMENT.replace('"node"', file));
    await joinNode(context());
    node.kubeletJoins(CA);
    expect(filesIn(node.settings.etc).length).toBeGreaterThan(8);
    node.sent.length = 0;
    await reset(context());
    expect(filesIn(node.settings.etc)).toEqual(before);
    expect(filesIn(node.settings.stateDir)).toEqual([]);
    expect(readdirSync(node.settings.kubeletPki)).toEqual([]);
    expect(node.sent).toEqual(['03']);
  });

  it('plans what it would remove, and removes nothing', async () => {
    node.seed(DOCUMENT);
    await joinNode(context());
    const before = filesIn(node.settings.etc);
    const planned = (await planReset(node.settings)).map((file) => file.path);
    expect(planned).toContain('kubernetes/bootstrap-kubelet.conf');
    expect(filesIn(node.settings.etc)).toEqual(before);
  });

  it('of a node that never joined does nothing', async () => {
    await reset(context());
    expect(node.sent).toEqual([]);
  });
});

const check = async (content: string): ReturnType<typeof checkUserData> => {
  node.write('user-data', content);
  return checkUserData(path.join(node.root, 'user-data'));
};

const reported = async (content: string): ReturnType<typeof reportUserData> => {
  node.write('user-data', content);
  return reportUserData(path.join(node.root, 'user-data'));
};

describe('check-userdata', () => {
  it('reports what a node reads, without secrets', async () => {
    const result = await check(Buffer.from(DOCUMENT).toString('base64'));
    expect(result).toMatchObject({
      encoding: 'base64',
      foreign: false,
      kind: 'NodeBootstrap',
      complete: true,
    });
    expect(result.document).toHaveProperty('cluster.endpoint', 'https://127.0.0.1:6443');
    expect(JSON.stringify(result)).not.toContain(TOKEN);
  });

  it('names a label that would be dropped', async () => {
    const head = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';
    const result = await check(`${head}node: {labels: {node-role.kubernetes.io/x: ""}}`);
    expect(result.complete).toBe(false);
    expect(result.warnings).toHaveLength(1);
  });

  it('hands out the static pods of a document, and names files in their folder that none reads', async () => {
    const folder = '/etc/kubernetes/manifests';
    const files = [
      { path: '/etc/kios/mine/x.yaml', content: 'a: 1' },
      { path: `${folder}/x.yaml`, content: 'kind: Pod' },
      { path: `${folder}/y.yaml~`, contentBase64: Buffer.from('kind: Job').toString('base64') },
      { path: `${folder}/dhcp.yaml`, content: '' },
      { path: `${folder}/.z.yaml`, content: 'kind: Pod' },
      { path: `${folder}/more/z.yaml`, content: 'kind: Pod' },
    ];
    const document = { apiVersion: 'kios.dev/v1', kind: 'NodeBootstrap', files };
    node.write('user-data', JSON.stringify(document));
    const pods = path.join(node.root, 'pods.json');
    const { warnings } = await checkUserData(path.join(node.root, 'user-data'), pods);
    expect(JSON.parse(readFileSync(pods, 'utf8'))).toEqual([
      { at: 'files.1', name: 'x.yaml', text: 'kind: Pod' },
      { at: 'files.2', name: 'y.yaml~', text: 'kind: Job' },
    ]);
    expect(warnings.map(({ path: at, why }) => `${at}: ${why}`)).toEqual([
      'files.3: dhcp.yaml is empty: no pod of this name runs',
      expect.stringMatching(/^files\.4: \.z\.yaml begins with a dot/),
      expect.stringMatching(/^files\.5: more\/z\.yaml is in a folder below/),
    ]);
  });

  it('checks the cluster of a document whose token is in a file of the node', async () => {
    const head = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';
    const auth = 'auth: {bootstrapTokenFile: /etc/kios/token}\n';
    const cluster = 'cluster: {endpoint: "https://h", unsafeSkipCAVerification: true}\n';
    expect(await check(head + auth + cluster)).toMatchObject({ complete: true });
    await expect(check(head + auth + cluster.replace('//h', '//5'))).rejects.toThrow(
      'cluster.endpoint: is no IPv4 address',
    );
  });

  it.each([
    ['for another program', '#cloud-config\n', 'foreign', /^find a document in \S+: it is cloud-config/],
    ['empty', ' \n', 'empty', /^find a document in \S+: it is empty$/],
    ['of comments', '# to be written\n---\n', 'empty', /: it is empty$/],
    ['empty in base64 of gzip', gzipSync('').toString('base64'), 'empty', /: it is empty$/],
  ])('of data that is %s says no, with one code and a remedy', async (_name, content, verdict, message) => {
    const { report, exitCode } = await reported(content);
    expect(exitCode).toBe(1);
    expect(report).toMatchObject({ verdict, complete: false });
    expect(report.fault).toEqual({
      code: 'KIOS_BOOTSTRAP_ABSENT',
      message: expect.stringMatching(message) as unknown,
      remedy: expect.stringMatching(/^Give [^\n]*[.]$/) as unknown,
    });
  }); // prettier-ignore

  it('says where the host name of a text for cloud-init counts', async () => {
    const { verdict, warnings } = await check('#cloud-config\nhostname: n1\n');
    expect([verdict, warnings]).toEqual([
      'foreign',
      [{ path: 'hostname', why: 'it names a node whose NoCloud volume has this text' }],
    ]);
  });

  it('says yes to what a node takes, and prints it in our own form without secrets', async () => {
    const result = await check(clusterApi());
    expect(result).toMatchObject({
      verdict: 'joins',
      complete: true,
      document: {
        apiVersion: 'kios.dev/v1',
        kind: 'NodeBootstrap',
        cluster: { endpoint: 'https://192.0.2.10:6443' },
        auth: { bootstrapToken: '…' },
        node: { labels: { team: 'red' } },
      },
    });
    expect(await reported(clusterApi())).toMatchObject({
      report: { verdict: 'joins' },
      exitCode: 0,
    });
    expect((await check('apiVersion: kios.dev/v1\nkind: NodeBootstrap\n')).verdict).toBe('part');
  });

  it.each([
    ['a: [', 65, 'KIOS_BOOTSTRAP_DOCUMENT', 'line 1, column 5'],
    [DOCUMENT.replace('endpoint', 'endpiont'), 78, 'KIOS_BOOTSTRAP_FIELD', 'endpiont'],
  ])('prints a refusal in the same form: %s', async (content, code, name, words) => {
    const { report, exitCode } = await reported(content);
    expect(exitCode).toBe(code);
    expect(report).toEqual({
      verdict: 'refused',
      fault: {
        code: name,
        message: expect.stringContaining(words) as unknown,
        remedy: 'Correct that file.',
      },
    });
  });

  it('has no verdict of a file that it cannot read', async () => {
    await expect(reportUserData(path.join(node.root, 'none'))).rejects.toMatchObject({
      exitCode: 66,
      remedy: 'Name a file that can be read.',
    });
  });

  it('hides the passwords and files of what it prints', async () => {
    const { document } = await check(
      DOCUMENT.replace(
        '"node"',
        '"registries":{"r.example":{"username":"u","password":"s3cret"}},"files":[{"path":"/etc/kios/x","content":"s3cret"}],"node"',
      ),
    );
    expect(document).toMatchObject({
      registries: { 'r.example': { username: 'u', password: '…' } },
      files: [{ path: '/etc/kios/x', mode: '0644', content: '…' }],
    });
    expect(JSON.stringify(document)).not.toContain('s3cret');
  });

  it('names the file in the faults of the cluster, and how to mend it there', async () => {
    await expect(check(DOCUMENT.replace('https://127', 'http://127'))).rejects.toMatchObject({
      message: `read ${path.join(node.root, 'user-data')}: cluster.endpoint: must begin with https://`,
    });
    await expect(check('a: [')).rejects.toMatchObject({ remedy: 'Correct that file.' });
  });

  it.each([
    ['a typing error', DOCUMENT.replace('endpoint', 'endpiont'), 'KIOS_BOOTSTRAP_FIELD'],
    ['a place where no file may go', '"files":[{"path":"/etc/passwd","content":""}]', ''],
    ['no YAML', 'a: [', 'KIOS_BOOTSTRAP_DOCUMENT'],
  ])('%s is a fault', async (_name, content, code) => {
    const text = code === '' ? DOCUMENT.replace(/}$/, `,${content}}`) : content;
    const wanted = code === '' ? 'KIOS_BOOTSTRAP_FIELD' : code;
    await expect(check(text)).rejects.toMatchObject({ code: wanted });
  });
});

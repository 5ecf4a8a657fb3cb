import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { describe as textOf } from '@kios/errors';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { type Diagnosis, examine } from '../../../../src/fleet/doctor/doctor.ts';
import { silent } from '../../../../src/workstation/progress.ts';
import { run } from '../../../../src/workstation/run.ts';
import {
  type FakeCluster,
  fakeCluster,
  NODE,
  replies,
  type Reply,
} from '../../../support/doctor/fake-cluster.ts';
import { SECRETS } from '../../../support/doctor/secrets.ts';
import { writeKubeconfig } from '../../../support/kubeconfig.ts';

let folder = '';
let printed: string[] = [];
let stop = new AbortController();

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-doctor-'));
  printed = [];
  stop = new AbortController();
});

afterEach(() => rm(folder, { recursive: true, force: true }));

const output = (): string => path.join(folder, 'out/bundle.tar.gz');

async function examineWith(
  cluster: Pick<FakeCluster, 'kubeconfig'>,
  timeout = 5,
): Promise<Diagnosis> {
  await mkdir(path.join(folder, 'out'), { recursive: true });
  await using undo = new AsyncDisposableStack();
  const context = {
    progress: silent,
    signal: stop.signal,
    undo,
    print: (line: string) => void printed.push(line),
  };
  return await examine(context, {
    kubeconfig: cluster.kubeconfig,
    node: NODE,
    context: undefined,
    output: output(),
    timeout,
  });
}

/** Unpacks the bundle and returns its files by path, without the folder that all are in. */
async function unpacked(): Promise<Map<string, string>> {
  const into = path.join(folder, 'unpacked');
  await mkdir(into);
  await run('tar', ['-xzf', output(), '-C', into]);
  const [top = '', ...others] = await readdir(into);
  expect(others).toEqual([]);
  const files = new Map<string, string>();
  const options = { recursive: true, withFileTypes: true } as const;
  for (const entry of await readdir(path.join(into, top), options)) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    files.set(path.relative(path.join(into, top), file), await readFile(file, 'utf8'));
  }
  return files;
}

const to =
  (start: string, status: number, body: string): Reply =>
  ({ url = '' }, response) => {
    if (!url.startsWith(start)) return false;
    response.writeHead(status).end(body);
    return true;
  };

const PROXY = `/api/v1/nodes/${NODE}/proxy`;

describe('a node that is well', () => {
  it('has all parts in its bundle, and nothing that is secret', async () => {
    await using cluster = await fakeCluster(folder, replies());
    const { wrong } = await examineWith(cluster);
    expect(wrong).toEqual([]);
    const files = await unpacked();
    expect([...files.keys()].toSorted()).toEqual([
      'api/events-node.json',
      'api/events-pods.json',
      'api/lease.json',
      'api/node.json',
      'api/pods.json',
      'api/requests.json',
      'api/version.json',
      'host/boots/000001/boot.json',
      'host/boots/000001/init.log',
      'host/boots/000004/boot.json',
      'host/boots/000005/boot.json',
      'host/boots/000005/init.log',
      'host/boots/000006/boot.json',
      'host/init.log',
      'host/kubelet.log',
      'host/state.json',
      'kubelet/configz.json',
      'kubelet/healthz.txt',
      'kubelet/metrics.txt',
      'kubelet/pods.json',
      'kubelet/resource-metrics.txt',
      'kubelet/stats.json',
      'parts.json',
      'pods/dhcp-node-1/acquire.log',
      'pods/dhcp-node-1/dhcp.log',
      'pods/dhcp-node-1/dhcp.previous.log',
      'summary.txt',
    ]);
    for (const [file, content] of files)
      for (const [kind, secret] of Object.entries(SECRETS))
        expect(content.includes(secret), `${file} has ${kind}`).toBe(false);
    expect(printed.join('\n')).not.toContain('hunter2');
    expect(files.get('host/init.log')).toContain('the last line');
    expect(files.get('kubelet/configz.json')).toContain('10.96.0.10');
    expect(files.get('summary.txt')).toBe(`${printed.slice(0, -2).join('\n')}\n`);
    expect(printed[0]).toBe('Nothing is known to be wrong with node-1.');
    expect(printed.at(-1)).toBe(`The bundle: ${output()}`);
  });

  it('is only read, and its secrets are not asked for', async () => {
    await using cluster = await fakeCluster(folder, replies());
    await examineWith(cluster);
    expect(new Set(cluster.asked.map(({ method }) => method))).toEqual(new Set(['GET']));
    const paths = cluster.asked.map(({ url }) => url);
    expect(paths.filter((url) => /secrets|configmaps|exec|attach|portforward/.test(url))).toEqual(
      [],
    );
  });

  it('leaves one file behind, which only its owner can read', async () => {
    await using cluster = await fakeCluster(folder, replies());
    await examineWith(cluster);
    expect(await readdir(path.join(folder, 'out'))).toEqual(['bundle.tar.gz']);
    expect((await stat(output())).mode & 0o777).toBe(0o600);
  });
});

/** What the bundle's own list says of a file. */
async function partOf(file: string): Promise<unknown> {
  const parts: unknown = JSON.parse((await unpacked()).get('parts.json') ?? '[]');
  return Array.isArray(parts)
    ? parts.find((part: unknown) => JSON.stringify(part).includes(`"${file}"`))
    : undefined;
}

/** Takes requests for Events, and never replies. */
const silentEvents: Reply = ({ url = '' }) => url.startsWith('/api/v1/events');

describe('a part that cannot be had is named, and the others are there:', () => {
  it('kubelet, which is not reached, and of which then nothing more is asked', async () => {
    const message = `{"message":"error trying to reach service: dial tcp 192.0.2.7:10250: i/o timeout, password=${SECRETS.yaml}"}`;
    await using cluster = await fakeCluster(folder, replies(), to(PROXY, 503, message));
    const { wrong } = await examineWith(cluster);
    expect(wrong).toEqual([expect.stringContaining('does not reach kubelet')]);
    expect(cluster.asked.filter(({ url }) => url.startsWith(PROXY))).toHaveLength(1);
    expect(cluster.asked.filter(({ url }) => url.includes('/log?'))).toEqual([]);
    expect(await partOf('kubelet/healthz.txt')).toMatchObject({
      outcome: 'unreachable',
      status: 503,
    });
    const text = printed.join('\n');
    expect(text).toContain('dial tcp 192.0.2.7:10250: i/o timeout');
    expect(text).not.toContain(SECRETS.yaml);
    expect(text).toContain('not asked: the API server did not reach kubelet');
  });

  it('what the caller may not read', async () => {
    const refused = to('/apis/certificates', 403, '{"message":"csr is forbidden"}');
    await using cluster = await fakeCluster(folder, replies(), refused);
    expect((await examineWith(cluster)).wrong).toEqual([]);
    expect(await partOf('api/requests.json')).toMatchObject({ outcome: 'forbidden', cause: 'csr is forbidden' }); // prettier-ignore
  });

  it('a reply that does not come in time', async () => {
    await using cluster = await fakeCluster(folder, replies(), silentEvents);
    // No whole number of milliseconds.
    expect((await examineWith(cluster, 0.5004)).wrong).toEqual([]);
    expect(await partOf('api/events-node.json')).toMatchObject({ outcome: 'unreachable' });
  });

  it('a reply that is no JSON', async () => {
    await using cluster = await fakeCluster(folder, replies(), to(`${PROXY}/configz`, 200, '<html>')); // prettier-ignore
    await examineWith(cluster);
    expect(await partOf('kubelet/configz.json')).toMatchObject({ outcome: 'unreadable' });
  });

  it('a node that the cluster does not have', async () => {
    const known = new Map([...replies()].filter(([url]) => !url.includes(NODE)));
    await using cluster = await fakeCluster(folder, known);
    expect((await examineWith(cluster)).wrong).toEqual([
      'The cluster has no node node-1: it has not joined, or was deleted. Its console says why.',
    ]);
  });

  it('the beginning of a long log, of which the end is kept', async () => {
    const line = `${'x'.repeat(99)}\n`;
    const long = to(`${PROXY}/logs/kios/kubelet.log`, 200, `${line.repeat(50_000)}the end\n`);
    await using cluster = await fakeCluster(folder, replies(), long);
    await examineWith(cluster);
    const files = await unpacked();
    const log = files.get('host/kubelet.log') ?? '';
    expect(log.endsWith('the end\n')).toBe(true);
    expect(log.startsWith(line)).toBe(true);
    expect(log.length).toBeLessThanOrEqual(1024 * 1024);
  });
});

/** Gives kubelet's replies the time of two minutes ago. */
const lateKubelet: Reply = ({ url = '' }, response) => {
  if (url.startsWith(PROXY))
    response.setHeader('date', new Date(Date.now() - 120_000).toUTCString());
  return false;
};

it('the clocks of kubelet and of the API server are compared', async () => {
  await using cluster = await fakeCluster(folder, replies(), lateKubelet);
  const { wrong } = await examineWith(cluster);
  expect(wrong).toEqual([expect.stringMatching(/clock is 1(?:19|20|21) s behind/)]);
});

const leftBehind = (): Promise<string[]> => readdir(path.join(folder, 'out'));

/** The user interrupts while pods are asked for. */
const interrupt: Reply = ({ url = '' }) => {
  if (!url.startsWith('/api/v1/pods')) return false;
  stop.abort();
  return true;
};

describe('a failure leaves nothing behind:', () => {
  it('an API server that is not there', async () => {
    const kubeconfig = await writeKubeconfig(folder, 'http://127.0.0.1:9');
    await expect(examineWith({ kubeconfig })).rejects.toMatchObject({ code: 'KIOS_FLEET_API' });
    expect(await leftBehind()).toEqual([]);
  });

  it('credentials that the API server does not know', async () => {
    await using cluster = await fakeCluster(folder, new Map(), to('/', 401, '{}'));
    await expect(examineWith(cluster)).rejects.toMatchObject({ code: 'KIOS_FLEET_API' });
    expect(await leftBehind()).toEqual([]);
  });

  it('an interruption', async () => {
    await using cluster = await fakeCluster(folder, replies(), interrupt);
    await expect(examineWith(cluster)).rejects.toThrow('aborted');
    expect(await leftBehind()).toEqual([]);
  });

  it('a folder that is not there', async () => {
    await using cluster = await fakeCluster(folder, replies());
    await using undo = new AsyncDisposableStack();
    const examined = examine(
      { progress: silent, signal: stop.signal, undo, print: () => {} },
      { kubeconfig: cluster.kubeconfig, node: NODE, context: undefined, output: path.join(folder, 'no/b.tar.gz'), timeout: 5 },
    ); // prettier-ignore
    await expect(examined).rejects.toMatchObject({ code: 'KIOS_DOCTOR_OUTPUT' });
    expect(cluster.asked).toEqual([]);
  });

  it('a bundle in the place of a folder', async () => {
    await using cluster = await fakeCluster(folder, replies());
    await using undo = new AsyncDisposableStack();
    const examined = examine(
      { progress: silent, signal: stop.signal, undo, print: () => {} },
      { kubeconfig: cluster.kubeconfig, node: NODE, context: undefined, output: folder, timeout: 5 },
    ); // prettier-ignore
    await expect(examined).rejects.toMatchObject({ code: 'KIOS_DOCTOR_OUTPUT' });
    expect(cluster.asked).toEqual([]);
  });

  it.each([
    ['that is no YAML', 'users:\n- name: a\n  user:\n    token: SECRET\n   bad: [\n'],
    ['of which nothing is there', 'null\n'],
    ['whose server is a number', 'clusters: [{name: a, cluster: {server: 5}}]\n'],
  ])('a kubeconfig %s, none of which is shown', async (_, text) => {
    const kubeconfig = path.join(folder, 'broken.kubeconfig');
    await writeFile(kubeconfig, text);
    const failed = await examineWith({ kubeconfig }).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'KIOS_FLEET_KUBECONFIG' });
    expect(textOf(failed)).not.toMatch(/SECRET|Cannot read properties|is not a function/);
  });

  it('a context that the kubeconfig lacks', async () => {
    await using cluster = await fakeCluster(folder, replies());
    await using undo = new AsyncDisposableStack();
    const examined = examine(
      { progress: silent, signal: stop.signal, undo, print: () => {} },
      { kubeconfig: cluster.kubeconfig, node: NODE, context: 'none', output: output(), timeout: 5 },
    );
    await expect(examined).rejects.toMatchObject({ code: 'KIOS_FLEET_KUBECONFIG' });
  });
});

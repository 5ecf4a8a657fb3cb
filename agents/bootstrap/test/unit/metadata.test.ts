import { createHash } from 'node:crypto';
import { readFileSync, symlinkSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { ApiServer } from '../../src/edge/cluster/api-server.ts';
import { joinNode, type Outcome } from '../../src/verbs/join.ts';
import { testLogger } from '../support/logger.ts';
import { clusterDocument, NodeFolder, TOKEN } from '../support/node-folder.ts';

const fixture = (name: string): string =>
  readFileSync(path.join(import.meta.dirname, '../support/fixtures', name), 'utf8');
const DOCUMENT = clusterDocument('https://127.0.0.1:6443', { ca: fixture('ca-a.crt') });
const META_DATA = 'instance-id: i-1\nlocal-hostname: node-1\n';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let node: NodeFolder;
let server: Server;
let asked: string[] = [];
let lines: string[] = [];
let files: Record<string, string | Handler> = {};

const api: ApiServer = { get: async () => Promise.resolve({ status: 200, body: '{}' }) };
const log = testLogger({ stdout: (line) => lines.push(line) });
async function run(): Promise<Outcome> {
  const { signal } = new AbortController();
  const { outcome } = await joinNode({ settings: node.settings, log, signal, openApi: () => api });
  return outcome;
}

function baseUrl(): string {
  const address: AddressInfo | string | null = server.address();
  return typeof address === 'object' && address !== null ? `http://127.0.0.1:${address.port}` : '';
}

/** Serves a seed, and names it on the kernel's command line with the hash of both files. */
function serveSeed(metaData: string, userData: string): void {
  files = { '/seed/meta-data': metaData, '/seed/user-data': userData };
  const hash = sha256(metaData + userData);
  node.write('cmdline', `quiet ds=nocloud;s=${baseUrl()}/seed/#sha256=${hash}`);
}

const serve: Handler = (request, response) => {
  const url = request.url ?? '';
  asked.push(url);
  const file = files[url];
  if (typeof file === 'function') return file(request, response);
  response.statusCode = file === undefined ? 404 : 200;
  response.end(file ?? '');
};

beforeEach(async () => {
  asked = [];
  lines = [];
  node = await NodeFolder.make();
  node.lease();
  server = createServer(serve);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  serveSeed(META_DATA, DOCUMENT);
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await node[Symbol.asyncDispose]();
});

const kubeletJoins = (): void => node.kubeletJoins(fixture('client.crt'));

const kept = (): string => node.read('var/lib/kios/bootstrap/fetched.json') ?? '';

describe('a document from the network', () => {
  it('is applied, and cached without its secret', async () => {
    expect(await run()).toBe('pending');
    expect(new Set(asked)).toEqual(new Set(['/seed/meta-data', '/seed/user-data']));
    expect(node.read('etc/hostname')).toBe('node-1\n');
    expect(node.read('etc/kubernetes/bootstrap-kubelet.conf')).toContain(TOKEN);
    expect(kept()).toContain('127.0.0.1:6443');
    expect(kept()).not.toContain(TOKEN);
    expect(node.sent).toEqual(['03']);
  });

  it('is not fetched again while kubelet waits, after it joined, or at the next boot', async () => {
    await run();
    asked = [];
    expect(await run()).toBe('pending');
    kubeletJoins();
    expect(await run()).toBe('joined');
    node.boot({ bootId: 'boot-2', mode: 'cluster' });
    node.remove('run/kios/net/eth0.json');
    node.remove('run/kios/platform/platform.json');
    expect(await run()).toBe('joined');
    expect(asked).toEqual([]);
    expect(node.sent).toEqual(['03']);
    expect(node.read('run/kios/platform/platform.json')).toContain('"instanceId":"i-1"');
  });

  it('that names a program is cached whole, because its node has no certificate', async () => {
    const auth = `{"bootstrapToken":"${TOKEN}"}`;
    serveSeed(META_DATA, DOCUMENT.replace(auth, '{"exec":{"command":"login"}}'));
    node.write('plugins/login', 'program');
    await run();
    node.startKubelet('cluster');
    node.boot({ bootId: 'boot-2', mode: 'cluster' });
    asked = [];
    expect(await run()).toBe('joined');
    expect(asked).toEqual([]);
  });

  it('is fetched anew on another machine with a copy of the disk', async () => {
    await run();
    kubeletJoins();
    await run();
    asked = [];
    node.write('sys/class/dmi/id/product_uuid', 'another');
    serveSeed(META_DATA.replace('i-1', 'i-2'), DOCUMENT);
    expect(await run()).toBe('pending');
    expect(asked).toHaveLength(2);
    expect(node.read('etc/kubernetes/kubelet.conf.old')).toBeDefined();
  });

  it('is tried again after a redirect, a captive portal and a cut answer', async () => {
    const bad: Handler[] = [
      (_request, response) => response.writeHead(302, { location: '/other' }).end(),
      (_request, response) => response.end('<html>log in</html>'),
      (_request, response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('instance-id');
        response.destroy();
      },
    ];
    files['/seed/meta-data'] = (request, response) => {
      const next = bad.shift();
      if (next === undefined) response.end(META_DATA);
      else next(request, response);
    };
    expect(await run()).toBe('pending');
    expect(lines.filter((line) => line.includes('"ev":"imds.try"'))).toHaveLength(3);
    expect(asked).not.toContain('/other');
  });

  it.each([
    ['#cloud-config\n', 'standalone'],
    ['', 'standalone'],
  ])('user data %j counts as absent', async (text, outcome) => {
    serveSeed(META_DATA, text);
    expect(await run()).toBe(outcome);
    expect(node.sent).toEqual([]);
  });

  it('with a fault is refused with its place, and nothing is written', async () => {
    serveSeed(META_DATA, DOCUMENT.replace('endpoint', 'endpiont'));
    await expect(run()).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_FIELD' });
    expect(node.read('etc/hostname')).toBeUndefined();
  });
});

describe('kios.config=', () => {
  it('names a document by the machine it is for', async () => {
    node.write(
      'cmdline',
      `kios.config=${baseUrl()}/\${mac}.yaml?u=\${uuid}#sha256=${sha256(DOCUMENT)}`,
    );
    node.write('sys/class/dmi/id/product_uuid', 'ABC\n');
    files = { '/52%3A54%3A00%3A12%3A34%3A56.yaml?u=abc': DOCUMENT };
    expect(await run()).toBe('pending');
    expect(kept()).not.toContain(TOKEN);
    kubeletJoins();
    await run();
    asked = [];
    expect(await run()).toBe('joined');
    expect(asked).toEqual([]);
  });

  it('that holds no document is a fault', async () => {
    const script = '#!/bin/sh\n';
    node.write('cmdline', `kios.config=${baseUrl()}/x#sha256=${sha256(script)}`);
    files = { '/x': script };
    await expect(run()).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_DOCUMENT' });
  });
});

describe('a complete document on the machine', () => {
  it('makes the network unnecessary', async () => {
    node.write('cmdline', '');
    node.write('sys/class/dmi/id/product_serial', `ds=nocloud;s=${baseUrl()}/seed/`);
    node.write('etc/kios/bootstrap.yaml', DOCUMENT);
    expect(await run()).toBe('pending');
    expect(asked).toEqual([]);
  });

  it('that names the node after its instance does not', async () => {
    node.write('cmdline', '');
    const hash = sha256(META_DATA + DOCUMENT);
    const serial = `ds=nocloud;s=${baseUrl()}/seed/#sha256=${hash}`;
    node.write('sys/class/dmi/id/product_serial', serial);
    const document = DOCUMENT.replace('"labels"', '"nameFrom":"instanceId","labels"');
    node.write('etc/kios/bootstrap.yaml', document);
    expect(await run()).toBe('pending');
    expect(asked).toHaveLength(2);
    expect(node.read('etc/hostname')).toBe('i-1\n');
  });

  it('does not keep it from a named provider', async () => {
    node.write('etc/kios/bootstrap.yaml', DOCUMENT);
    expect(await run()).toBe('pending');
    expect(asked).toHaveLength(2);
  });
});

it('a machine of no cloud asks no metadata address', async () => {
  node.write('cmdline', '');
  expect(await run()).toBe('standalone');
  expect(asked).toEqual([]);
});

describe("OpenStack's volume", () => {
  beforeEach(() => {
    node.write('cmdline', '');
    const meta = { uuid: 'u-1', hostname: 'node-1', availability_zone: 'z' };
    node.write('run/kios/seed/config-2/openstack/latest/meta_data.json', JSON.stringify(meta));
    node.write('run/kios/seed/config-2/openstack/latest/user_data', DOCUMENT);
  });

  it('is read like its service', async () => {
    expect(await run()).toBe('pending');
    expect(node.read('run/kios/platform/platform.json')).toContain('openstack:///u-1');
    expect(node.read('etc/kubernetes/kubelet.conf.d/10-kios.conf')).toContain(
      'providerID: openstack:///u-1',
    );
  });

  it("of DigitalOcean has the firmware's droplet number", async () => {
    node.write('sys/class/dmi/id/sys_vendor', 'DigitalOcean\n');
    node.write('sys/class/dmi/id/product_serial', '42\n');
    expect(await run()).toBe('pending');
    expect(node.read('etc/kubernetes/kubelet.conf.d/10-kios.conf')).toContain('digitalocean://42');
  });
});

it("QEMU's firmware configuration is user data", async () => {
  node.write('cmdline', '');
  node.write('sys/firmware/qemu_fw_cfg/by_name/opt/kios/config/raw', DOCUMENT);
  expect(await run()).toBe('pending');
  expect(node.read('run/kios/platform/platform.json')).toContain('"platform":"fwcfg"');
});

describe('a program for kubelet', () => {
  const document = JSON.stringify({
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    cluster: { endpoint: 'https://127.0.0.1:6443', caBundle: fixture('ca-a.crt') },
    auth: { exec: { command: 'login' } },
  });
  beforeEach(() => {
    node.write('cmdline', '');
    node.write('etc/kios/bootstrap.yaml', document);
  });

  it('that the image lacks is a fault, before anything is written', async () => {
    await expect(run()).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_PLUGIN' });
    expect(node.read('etc/kubernetes/kubelet.conf')).toBeUndefined();
  });

  it('is installed, and the node has joined when kubelet runs with it', async () => {
    node.write('plugins/login', 'program');
    expect(await run()).toBe('pending');
    expect(node.read('var/lib/kios/credential-providers/login')).toBe('program');
    node.startKubelet('cluster');
    expect(await run()).toBe('joined');
    expect(node.sent).toEqual(['03']);
  });
});

it('files come and go with the document, without a restart of kubelet', async () => {
  node.write('cmdline', '');
  const head = 'apiVersion: kios.dev/v1\nkind: NodeBootstrap\n';
  const file = 'files: [{path: /etc/cni/net.d/10.conf, mode: "0600", contentBase64: AAH/}]\n';
  node.write('etc/kios/bootstrap.yaml', `${head}node: {name: n}\n${file}`);
  await run();
  node.sent.length = 0;
  const target = path.join(node.settings.etc, 'cni/net.d/10.conf');
  expect(readFileSync(target)).toEqual(Buffer.from([0, 1, 255]));
  node.write('etc/kios/bootstrap.yaml', `${head}node: {name: n}\n`);
  await run();
  expect(node.read('etc/cni/net.d/10.conf')).toBeUndefined();
  expect(node.sent).toEqual([]);
});

it('a file does not follow a link to another folder', async () => {
  node.write('cmdline', '');
  symlinkSync('/tmp', path.join(node.settings.etc, 'cni'));
  const file = 'files: [{path: /etc/cni/x.conf, content: a}]\n';
  node.write('etc/kios/bootstrap.yaml', `apiVersion: kios.dev/v1\nkind: NodeBootstrap\n${file}`);
  await expect(run()).rejects.toMatchObject({ code: 'KIOS_BOOTSTRAP_FIELD' });
  expect(node.read('etc/hostname')).toBeUndefined();
});

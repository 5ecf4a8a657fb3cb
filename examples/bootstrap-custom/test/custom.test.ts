import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer as createApi, type Server } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

const AGENT = path.join(import.meta.dirname, '../dist/agent.cjs');

let certificates: string;
let api: Server;
let port = 0;
let root: string;
let sent: string[];
/** How long kubelet takes to start again. */
let restartMs: number;
let socket: ReturnType<typeof createServer>;

function makeCa(name: string): void {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const out = ['-keyout', `${name}.key`, '-out', `${name}.crt`, '-subj', `/CN=${name}`];
  const san = ['-addext', 'subjectAltName=IP:127.0.0.1'];
  const args = ['req', '-x509', ...key, ...out, ...san];
  execFileSync('openssl', args, { cwd: certificates, stdio: 'ignore' });
}

const pem = (name: string): string => readFileSync(path.join(certificates, name), 'utf8');

async function listen(
  server: { listen: (...args: never[]) => unknown },
  at: unknown,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  Reflect.apply(server.listen, server, [at, resolve]);
  await promise;
}

beforeAll(async () => {
  certificates = mkdtempSync(path.join(tmpdir(), 'kios-custom-ca-'));
  for (const name of ['cluster', 'other']) makeCa(name);
  api = createApi(
    { cert: pem('cluster.crt'), key: pem('cluster.key') },
    ({ headers }, response) => {
      response
        .writeHead(headers.authorization === 'Bearer abcdef.0123456789abcdef' ? 200 : 401)
        .end('{}');
    },
  );
  await listen(api, { host: '127.0.0.1', port: 0 });
  const address = api.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
});

afterAll(() => {
  api.close();
  rmSync(certificates, { recursive: true });
});

const write = (file: string, content: string): void => {
  mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
  writeFileSync(path.join(root, file), content);
};

beforeEach(async () => {
  root = mkdtempSync(path.join(tmpdir(), 'kios-custom-'));
  for (const dir of ['pki', 'kubelet.conf.d'])
    mkdirSync(path.join(root, 'host/etc/kubernetes', dir), { recursive: true });
  write('run/kios/kubelet.json', '{"v":1,"mode":"standalone"}');
  mkdirSync(path.join(root, 'run/kios/control'), { recursive: true });
  sent = [];
  restartMs = 0;
  socket = createServer((client) =>
    client.on('data', (bytes) => {
      sent.push(Buffer.from(bytes).toString('hex'));
      setTimeout(() => write('run/kios/kubelet.json', '{"v":1,"mode":"cluster"}'), restartMs);
    }),
  );
  await listen(socket, path.join(root, 'run/kios/control/restart-kubelet.sock'));
});

afterEach(() => {
  socket.close();
  rmSync(root, { recursive: true });
});

function seed(ca: string, token = 'abcdef.0123456789abcdef'): void {
  const files = { server: `https://127.0.0.1:${port}`, 'ca.crt': ca, token, node: 'worker-7' };
  for (const [name, content] of Object.entries(files))
    write(`run/kios/seed/cidata/${name}`, `${content}\n`);
}

/** Runs the agent until it logs the event. Returns its output. */
async function runUntil(ev: string): Promise<string> {
  const env = { ...process.env, BOOTSTRAP_ROOT: root };
  const agent = spawn(process.execPath, [AGENT, 'watch'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  try {
    for await (const chunk of agent.stdout) {
      said += String(chunk);
      if (said.includes(`"ev":"${ev}"`)) break;
    }
  } finally {
    agent.kill('SIGKILL');
  }
  return said;
}

const filesOf = (): string[] =>
  readdirSync(path.join(root, 'host/etc'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    /\.(?:crt|conf)$|hostname/.test(file),
  );

it(
  'verifies the cluster, writes the files of kubelet and asks for one restart',
  { timeout: 30_000 },
  async () => {
    seed(pem('cluster.crt'));
    await runUntil('joined');
    expect(sent).toEqual(['03']);
    const read = (file: string): string => readFileSync(path.join(root, 'host/etc', file), 'utf8');
    expect(read('hostname')).toBe('worker-7\n');
    expect(read('kubernetes/pki/ca.crt').trim()).toBe(pem('cluster.crt').trim());
    expect(read('kubernetes/bootstrap-kubelet.conf')).toContain('token: abcdef.0123456789abcdef');
    expect(existsSync(path.join(root, 'host/etc/kubernetes/kubelet.conf.d/20-cluster.conf'))).toBe(
      true,
    );
  },
);

it('asks a kubelet that is slow to restart no second time', { timeout: 30_000 }, async () => {
  restartMs = 7000;
  seed(pem('cluster.crt'));
  await runUntil('joined');
  expect(sent).toEqual(['03']);
});

it.each([
  ['the CA of another cluster', () => seed(pem('other.crt'))],
  ['a token that the cluster rejects', () => seed(pem('cluster.crt'), 'fedcba.0123456789abcdef')],
  ['no seed at all', () => {}],
])('reports %s and writes nothing', async (_what, prepare) => {
  prepare();
  expect(await runUntil('join.failed')).toMatch(/"why":/);
  expect([sent, filesOf()]).toEqual([[], []]);
});

it('leaves a node in cluster mode alone', async () => {
  seed(pem('cluster.crt'));
  write('run/kios/kubelet.json', '{"v":1,"mode":"cluster"}');
  await runUntil('joined');
  expect([sent, filesOf()]).toEqual([[], []]);
});

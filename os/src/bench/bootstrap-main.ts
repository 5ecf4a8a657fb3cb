import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer as createApi } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

import { RUNTIME_ENV } from '@kios/bundle/runtime-env';
import { serve } from '@kios/testkit/metadata';
import * as v from 'valibot';

import { issueAuthority, issueLeaf } from '../lab/controlplane/certificates.ts';

/*
 * Measures the bootstrap agent in a network namespace of its own, where a metadata service and an API server reply at
 * once. Arguments: bundle, runtime, number of rounds. Prints a JSON array of rounds.
 */

const METADATA = '169.254.169.254';
const API_PORT = 6443;
/** After this time the agent has freed the memory that its start needed. */
const REST_MS = 6000;
const TOKEN = 'abcdef.0123456789abcdef';

const Line = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ ev: v.string(), ms: v.optional(v.number()) }),
);
type Line = v.InferOutput<typeof Line>;

/** One start of the agent on a fresh machine. */
interface Round {
  readonly detectMs: number;
  readonly fetchMs: number;
  readonly leaseToByteMs: number;
  readonly rssMiB: number;
  readonly privateMiB: number;
}

async function serveCloud(): Promise<void> {
  const authority = await issueAuthority('bench');
  const leaf = { commonName: 'api', usage: 'server', ips: ['127.0.0.1'] } as const;
  const { certificate, key } = await issueLeaf(authority, leaf);
  const api = createApi({ cert: certificate, key }, (_request, response) => response.end('{}'));
  await once(api.listen(API_PORT, '127.0.0.1'), 'listening');
  api.unref();
  const userData = JSON.stringify({
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    cluster: { endpoint: `https://127.0.0.1:${API_PORT}`, caBundle: authority.certificate },
    auth: { bootstrapToken: TOKEN },
  });
  const machine = {
    instanceId: 'i-0a1b2c3d4e5f60718',
    hostname: 'ip-10-0-2-15.internal',
    instanceType: 'm7i.large',
    region: 'eu-west-1',
    zone: 'eu-west-1b',
    address: '10.0.2.15',
    publicAddress: '203.0.113.9',
    mac: '52:54:00:12:34:56',
    tags: {},
    userData,
  };
  await serve({ cloud: 'aws', hosts: [METADATA], machine }, () => {});
}

/** Writes the files that init and dhcp leave for the agent, except the lease. */
async function makeMachine(root: string): Promise<void> {
  const files: Readonly<Record<string, string>> = {
    'sys/class/dmi/id/sys_vendor': 'Amazon EC2\n',
    'run/kios/boot.json': JSON.stringify({
      v: 1, bootId: 'bench', version: '0', buildTime: '2026-01-01T00:00:00Z', kernel: '0', clockFloored: false, data: 'ram', phases: [],
    }),
    'run/kios/kubelet.json': JSON.stringify({
      v: 1, pid: 2, mode: 'standalone', hostname: 'kios', startedBoot: 1, starts: 1,
    }),
    cmdline: '',
  }; // prettier-ignore
  const folders = ['run/kios/net', 'run/kios/time', 'run/kios/platform', 'run/kios/seed'];
  for (const folder of [...folders, 'etc/kubernetes/kubelet.conf.d', 'state', 'pki'])
    await mkdir(path.join(root, folder), { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), content);
  }
}

const flagsOf = (root: string): string[] =>
  Object.entries({
    etc: 'etc',
    run: 'run/kios',
    'seed-dir': 'run/kios/seed',
    'state-dir': 'state',
    'kubelet-pki': 'pki',
    sysfs: 'sys',
    firmware: 'sys/firmware',
    cmdline: 'cmdline',
    socket: 'control.sock',
  }).map(([flag, at]) => `--${flag}=${path.join(root, at)}`);

const lease = JSON.stringify({
  v: 1, if: 'eth0', mac: '52:54:00:12:34:56', state: 'bound', bootId: 'bench', acquired: { boot: 1, wall: '2026-01-01T00:00:00Z' },
  address: '10.0.2.15/24', lease: 86_400, t1: 43_200, t2: 75_600, gateways: ['10.0.2.2'],
}); // prettier-ignore

async function memoryOf(pid: number): Promise<Pick<Round, 'rssMiB' | 'privateMiB'>> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mib = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(rollup)?.[1] ?? 0) / 1024;
  return { rssMiB: mib('Rss'), privateMiB: mib('Private_Dirty') };
}

/** Starts the agent as it ships. `said` waits for an event in its log. */
function startAgent(root: string, bundle: string, runtime: string) {
  const agent = spawn(runtime, [bundle, 'watch', ...flagsOf(root)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: {
      KIOS_LOG_LEVEL: 'debug',
      KIOS_CONSOLE: path.join(root, 'console.sock'),
      ...RUNTIME_ENV,
    },
  });
  const lines: Line[] = [];
  const reader = createInterface({ input: agent.stdout });
  reader.on('line', (line) => lines.push(v.parse(Line, line)));
  const find = (ev: string): Line | undefined => lines.find((line) => line.ev === ev);
  const said = async (ev: string): Promise<Line> => {
    for (;;) {
      const line = find(ev);
      if (line !== undefined) return line;
      await once(reader, 'line');
    }
  };
  return { agent, said };
}

async function measure(bundle: string, runtime: string): Promise<Round> {
  const root = await mkdtemp(path.join(tmpdir(), 'kios-bench-bootstrap-'));
  await makeMachine(root);
  const control = createServer((socket) => socket.on('data', () => control.emit('byte')));
  await once(control.listen(path.join(root, 'control.sock')), 'listening');
  const byte = once(control, 'byte');
  const { agent, said } = startAgent(root, bundle, runtime);
  try {
    await said('lease.wait');
    const bound = performance.now();
    await writeFile(path.join(root, 'run/kios/net/eth0.json'), lease);
    await byte;
    const leaseToByteMs = performance.now() - bound;
    await said('certificate.wait');
    const detected = await said('platform');
    const fetched = await said('imds.ok');
    await sleep(REST_MS);
    return {
      detectMs: detected.ms ?? Number.NaN,
      fetchMs: fetched.ms ?? Number.NaN,
      leaseToByteMs,
      ...(await memoryOf(agent.pid ?? 0)),
    };
  } finally {
    agent.kill('SIGKILL');
    await once(agent, 'exit');
    control.close();
    await rm(root, { recursive: true });
  }
}

const [bundle = '', runtime = '', rounds = '1'] = process.argv.slice(2);
await serveCloud();
const measured: Round[] = [];
for (let left = Number(rounds); left > 0; left--) measured.push(await measure(bundle, runtime));
process.stdout.write(JSON.stringify(measured));
process.exit(0);

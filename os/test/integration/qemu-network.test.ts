import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';

import { MACHINE_FILES } from '../../src/lab/qemu/arguments.ts';
import { openEmulator } from '../../src/lab/qemu/emulator.ts';
import { splitFlags } from '../../src/lab/qemu/flags.ts';
import { launchQemu, type Launched } from '../../src/lab/qemu/launch.ts';
import { ownNetwork } from '../../src/lab/qemu/own-network.ts';
import { freePort } from '../../src/workstation/free-port.ts';
import { ensurePackages } from '../../src/workstation/packages.ts';
import { isAlive, terminate } from '../../src/workstation/process.ts';
import { silent } from '../../src/workstation/progress.ts';
import { run } from '../../src/workstation/run.ts';

const END_MS = 5000;
const OWN_NETWORK = path.resolve(import.meta.dirname, '../../src/lab/qemu/own-network.ts');

/** A port of 127.0.0.1 on which a server greets. */
async function greet(): Promise<{ readonly port: number } & Disposable> {
  const server = createServer((socket) => socket.end('hello'));
  const port = await freePort();
  await once(server.listen(port, '127.0.0.1'), 'listening');
  return { port, [Symbol.dispose]: () => void server.close() };
}

/** Prints what a connection to HOST PORT gets. */
const CLIENT = `const socket = require('node:net').connect(+process.argv[2], process.argv[1]);
socket.on('data', (data) => console.log(String(data)));
socket.on('error', (error) => console.log(error.code));
socket.setTimeout(3000, () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })));`;

/** Prints how many bytes a connection to HOST PORT gets before nothing comes for a while. It reads in pieces. */
const SLOW_READER = `const socket = require('node:net').connect(+process.argv[2], process.argv[1]);
let bytes = 0;
socket.on('data', (data) => {
  bytes += data.length;
  socket.pause();
  setTimeout(() => socket.resume(), 2);
});
socket.setTimeout(3000, () => { console.log(bytes); socket.destroy(); });`;

/** Runs a client in the network in which QEMU runs. */
async function fromQemu(
  qemu: Launched,
  host: string,
  port: number,
  program = CLIENT,
): Promise<string> {
  const isRoot = process.getuid?.() === 0;
  const spaces = isRoot ? ['--net'] : ['--user', '--net', '--preserve-credentials'];
  const client = [process.execPath, '-e', program, host, String(port)];
  return (await run('nsenter', ['--target', String(qemu.pid), ...spaces, ...client])).trim();
}

async function ended(process: Parameters<typeof isAlive>[0]): Promise<boolean> {
  for (const end = Date.now() + END_MS; Date.now() < end;) {
    if (!(await isAlive(process))) return true;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return false;
}

let command: readonly string[] = [];
let dir = '';

/** Returns the processes that work in the machine's folder. */
async function inFolder(): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const folders = await Promise.all(
    pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => '')),
  );
  return pids.filter((_, index) => folders[index] === dir);
}

let port = 0;
let qemu: Launched | undefined;

async function launch(toWorkstation: readonly number[], toMachine = port): Promise<Launched> {
  const args = splitFlags([
    '-machine q35',
    '-accel tcg',
    '-m 64',
    '-nodefaults',
    '-display none',
    `-netdev user,id=net0,hostfwd=tcp:127.0.0.1:${port}-:10250`,
    '-device virtio-net-pci,netdev=net0,romfile=',
    `-qmp unix:${MACHINE_FILES.qmp},server=on,wait=off`,
  ]);
  const { wrapper, exposed } = await ownNetwork(dir, { toMachine: [toMachine], toWorkstation });
  expect(exposed).toBeUndefined();
  qemu = await launchQemu(dir, [...command, ...args], wrapper);
  return qemu;
}

beforeAll(async () => {
  await ensurePackages(['machine'], silent);
  ({ command } = await openEmulator('amd64'));
}, 300_000);
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'kios-qemu-'));
  port = await freePort();
});
afterEach(async () => {
  if (qemu !== undefined) await terminate(qemu.first);
  qemu = undefined;
  await rm(dir, { recursive: true });
});

it('from QEMU’s network only an offered port of the workstation’s loopback is reached', async () => {
  using offered = await greet();
  using hidden = await greet();
  const machine = await launch([offered.port]);
  expect(await fromQemu(machine, '127.0.0.1', offered.port)).toBe('hello');
  expect(await fromQemu(machine, '127.0.0.1', hidden.port)).toBe('ECONNREFUSED');
  expect(await fromQemu(machine, '::1', hidden.port)).toBe('ECONNREFUSED');
});

it('a slow reader gets all of a large answer', async () => {
  const bytes = 24 * 2 ** 20;
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.write(Buffer.alloc(bytes)); // and stays open
  });
  const answers = await freePort();
  await once(server.listen(answers, '127.0.0.1'), 'listening');
  try {
    const machine = await launch([answers]);
    expect(await fromQemu(machine, '127.0.0.1', answers, SLOW_READER)).toBe(String(bytes));
  } finally {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}, 60_000);

it('the workstation reaches the port that QEMU forwards', async () => {
  await launch([]);
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  // QEMU took it if something in its network holds the other end: no guest replies here.
  const closed = once(socket, 'close', { signal: AbortSignal.timeout(500) });
  await expect(closed).rejects.toThrow('aborted');
  socket.destroy();
});

it('QEMU has the workstation’s neither network nor sockets, no capability, and is not root', async () => {
  const { pid } = await launch([]);
  const own = await readlink('/proc/self/ns/net');
  expect(await readlink(`/proc/${pid}/ns/net`)).not.toBe(own);
  const listening = await readFile('/proc/self/net/tcp', 'utf8');
  const files = await readdir(`/proc/${pid}/fd`);
  const targets = await Promise.all(
    files.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => '')),
  );
  const sockets = targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []);
  expect(sockets).not.toEqual([]);
  const workstations = listening.split('\n').map((line) => line.trim().split(/\s+/)[9]);
  expect(sockets.filter((inode) => workstations.includes(inode))).toEqual([]);
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  expect(status).toMatch(/^Seccomp:\t2$/m);
  expect(status).not.toMatch(/^Uid:.*\t0(?:\t|$)/m);
  expect(status).toMatch(/^CapEff:\t0+$/m);
});

it('a QEMU that ends, ends its network', async () => {
  const { first, ...machine } = await launch([]);
  await terminate(machine);
  expect(await ended(first)).toBe(true);
});

it('a network that is killed ends QEMU', async () => {
  const { first, ...machine } = await launch([]);
  process.kill(first.pid, 'SIGKILL');
  expect(await ended(machine)).toBe(true);
});

it('a QEMU that does not start there says why, and leaves nothing', async () => {
  using taken = await greet();
  await expect(launch([], taken.port)).rejects.toThrow(/Failed to bind/);
  expect(await inFolder()).toEqual([]);
  port = taken.port;
  const other = await freePort();
  await expect(launch([port], other)).rejects.toThrow(/Could not set up host forwarding/);
  expect(await inFolder()).toEqual([]);
});

/** Prepares a network in `dir` on a workstation without /dev/net/tun. */
const WITHOUT_TUN = 'mount --bind /dev/null /dev/net/tun && exec "$@"';
const PREPARE = `import { ownNetwork } from '${OWN_NETWORK}';
console.log(JSON.stringify(await ownNetwork(process.argv[1], { toMachine: [], toWorkstation: [] })));`;

it('without /dev/net/tun the machine is exposed, the reason is known, and nothing stays', async () => {
  const spaces = process.getuid?.() === 0 ? ['--mount'] : ['--map-root-user', '--mount'];
  const node = [process.execPath, '--input-type=module', '-e', PREPARE, dir];
  const printed = await run('unshare', [...spaces, 'sh', '-c', WITHOUT_TUN, 'sh', ...node]);
  expect(printed).toMatch(/^\{"wrapper":\[\],"exposed":".*(tun|tap).*"\}$/);
  expect(await inFolder()).toEqual([]);
});

/** A resolver on the loopback, which only root can be: it needs port 53. */
const LOOPBACK_RESOLVER = '127.53.53.53';
const WITH_RESOLVER = 'mount --bind "$1" "$(readlink -f /etc/resolv.conf)" && shift && exec "$@"';
/** Asks the resolver of /etc/resolv.conf, as QEMU does for a guest. */
const ASK = `const [, server] = /nameserver (\\S+)/.exec(require('node:fs').readFileSync('/etc/resolv.conf', 'utf8'));
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (reply) => { console.log(String(reply)); socket.close(); });
socket.send('question', 53, server);
setTimeout(() => socket.close(), 3000).unref();`;
const ASK_FROM_NETWORK = `import { ownNetwork } from '${OWN_NETWORK}';
import { spawnSync } from 'node:child_process';
const [, cwd, ask] = process.argv;
const { wrapper } = await ownNetwork(cwd, { toMachine: [], toWorkstation: [] });
const [first, ...rest] = [...wrapper, process.execPath, '-e', ask];
spawnSync(first, rest, { cwd, stdio: ['ignore', 'inherit', 'ignore'] });`;

it.runIf(process.getuid?.() === 0)('a resolver on the loopback is reached', async () => {
  const resolver = createSocket('udp4', (_, { port: to, address }) =>
    resolver.send('answer', to, address),
  );
  await once(resolver.bind(53, LOOPBACK_RESOLVER), 'listening');
  try {
    const own = path.join(dir, 'workstation');
    await writeFile(own, `nameserver ${LOOPBACK_RESOLVER}\n`);
    const node = [process.execPath, '--input-type=module', '-e', ASK_FROM_NETWORK, dir, ASK];
    const shell = ['--mount', 'sh', '-c', WITH_RESOLVER, 'sh', own];
    expect((await run('unshare', [...shell, ...node])).trim()).toBe('answer');
  } finally {
    resolver.close();
  }
});

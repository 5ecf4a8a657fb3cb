import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';

import { runtimes } from '@kios/testkit';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { HostFacts } from '../../../guest/src/host-facts.ts';
import { IdleFacts } from '../../../guest/src/idle-facts.ts';
import { MemoryFacts } from '../../../guest/src/memory-facts.ts';
import { encodeField } from '../../../guest/src/protobuf.ts';
import { EVENTS, SCRIPTS } from '../../../guest/src/scripts.ts';
import { guestProgram, scriptCommand } from '../../../src/lab/guest-program.ts';
import { freePort } from '../../../src/workstation/free-port.ts';
import { run } from '../../../src/workstation/run.ts';

const NAMES = ['freeze', 'greet', 'host', 'kill', 'measure-memory', 'order', 'owners', 'power', 'serve', 'stay', 'watch-cable', 'watch-devices', 'watch-idle', 'watch-pods', 'watch-standalone', 'write-device'] as const; // prettier-ignore
const REFUSED = 'KIOS_BOOTSTRAP_(UNTRUSTED|TOKEN)';
const RUNTIMES = runtimes().map(({ program }) => program);

let folder: string;
const close: (() => unknown)[] = [];
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'kios-guest-'));
});
afterEach(async () => {
  for (const one of close.splice(0)) one();
  await rm(folder, { recursive: true });
});

/** Writes files below the folder that stands for the root of a system. */
async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, content);
  }
}

const writer = (name: string) => async (content: string) =>
  writeFile(path.join(folder, name), content);

/** Makes FIFOs below that folder, and returns what writes the text for the next reader of each. */
async function pipe(...names: readonly string[]) {
  for (const name of names) await run('mkfifo', [path.join(folder, name)]);
  return Object.fromEntries(names.map((name) => [name, writer(name)]));
}

/** Listens on a Unix socket. `take` returns all that the next client sends. */
async function listen() {
  const socket = path.join(folder, 'socket');
  const received: Promise<string>[] = [];
  const server = createServer((client: Socket) => received.push(text(client)));
  await once(server.listen(socket), 'listening');
  close.push(() => server.close());
  const take = async (): Promise<string> => {
    await expect.poll(() => received.length, { timeout: 10_000 }).toBeGreaterThan(0);
    return (await received.shift()) ?? '';
  };
  return { socket, take };
}

function start(runtime: string, command: readonly string[], env = {}) {
  const child = spawn(runtime, command.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  close.push(() => child.kill('SIGKILL'));
  return child;
}

describe('the programs of os/guest', () => {
  it.each(NAMES)('%s needs nothing beside its text', async (name) => {
    const program = await guestProgram(name);
    const needed = [...program.matchAll(/require\("([^"]+)"\)/g)].map(([, id = '']) => id);
    expect(needed.filter((id) => !id.startsWith('node:'))).toEqual([]);
    expect(program).not.toContain('koffi');
  });

  it.each(NAMES)('%s has nothing that kubelet would expand in a command', async (name) => {
    expect(await guestProgram(name)).not.toMatch(/\$[$(]/);
  });

  it('are all in this test', () => {
    expect(Object.keys(SCRIPTS)).toEqual([...NAMES]);
  });

  it('are bundled once in a run', () => {
    expect(guestProgram('kill')).toBe(guestProgram('kill'));
  });
});

/** A process as the kernel shows it: one that runs under limits. */
const status = (name: string): string =>
  `Name:\t${name}\nPPid:\t0\nCapInh:\t0\nCapPrm:\t3000\nCapEff:\t1000\nCapBnd:\t3000\nCapAmb:\t0\nNoNewPrivs:\t1\nSeccomp:\t2\n`;

const CONTAINER = 'c'.repeat(64);
const LIMITED = {
  process: {
    user: { uid: 0, gid: 0 },
    noNewPrivileges: true,
    capabilities: { bounding: ['CAP_NET_RAW'] },
  },
  root: { path: 'rootfs', readonly: true },
  // More than one frame of HTTP/2, as a real filter is.
  linux: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO', syscalls: 'x'.repeat(100_000) } },
};

const entry = (field: number, key: string, value: string): Uint8Array =>
  encodeField(field, Buffer.concat([encodeField(1, key), encodeField(2, value)]));

/** Replies of a container runtime that knows one container, which has ended with 3, by method. */
const REPLIES: Readonly<Record<string, Uint8Array>> = {
  ListContainers: encodeField(1, encodeField(1, CONTAINER)),
  ContainerStatus: Buffer.concat([
    encodeField(
      1,
      Buffer.concat([
        encodeField(1, CONTAINER),
        encodeField(3, 2),
        encodeField(7, 3),
        entry(12, 'io.kubernetes.pod.namespace', 'kube-system'),
        entry(12, 'io.kubernetes.pod.name', 'dhcp-kios'),
        entry(12, 'io.kubernetes.pod.uid', 'uid-1'),
        entry(12, 'io.kubernetes.container.name', 'acquire'),
      ]),
    ),
    entry(2, 'info', JSON.stringify({ sandboxID: 'sandbox-1', runtimeSpec: LIMITED })),
  ]),
};

/** Serves CRI on a Unix socket, and returns the requests that it got by method. */
async function serveRuntime(socket: string): Promise<Map<string, Buffer>> {
  const requests = new Map<string, Buffer>();
  const server = createHttp2();
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const answer = async (): Promise<void> => {
      const request = await buffer(stream);
      const method = String(headers[':path']).replace('/runtime.v1.RuntimeService/', '');
      requests.set(method, request.subarray(5));
      const reply = REPLIES[method] ?? new Uint8Array();
      const prefix = Buffer.alloc(5);
      prefix.writeUInt32BE(reply.length, 1);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.end(Buffer.concat([prefix, reply]));
    };
    void answer();
  });
  await once(server.listen(socket), 'listening');
  close.push(() => server.close());
  return requests;
}

const stat = (name: string): string => `1 (${name}) S ${'0 '.repeat(18)}77 0\n`;

/** What a node did until some moment; the more, the later. */
const idleFiles = (more: number) => ({
  'proc/uptime': `${10 + more} 1\n`,
  'proc/diskstats': ` 254       0 vda 1 0 8 0 ${5 + more} 0 ${64 + more * 2} 0 0 0 0\n 254       1 vda1 1 0 8 0 5 0 64 0\n   7       0 loop0 1 0 8 0 5 0 64 0\n`,
  'proc/7/io': `read_bytes: 1\nwrite_bytes: ${2048 * more}\n`,
  'proc/7/task/7/status': `voluntary_ctxt_switches:\t${more}\nnonvoluntary_ctxt_switches:\t9\n`,
  'proc/7/task/8/status': `voluntary_ctxt_switches:\t${more}\n`,
  'proc/20/task/20/status': `voluntary_ctxt_switches:\t${3 * more}\n`,
});

/** A process in a pod. */
const podFiles = (pid: number, uid: string, comm = 'pause') => ({
  [`proc/${pid}/cgroup`]: `0::/../../pod${uid}/${pid}\n`,
  [`proc/${pid}/comm`]: `${comm}\n`,
});

describe.each(RUNTIMES)('under %s', (runtime) => {
  it('watch-cable reports the links it watches, then the addresses and routes left without carrier', async () => {
    const { socket, take } = await listen();
    await write({
      'proc/uptime': '12.34 5.6\n',
      'proc/net/fib_trie':
        'Local:\n        |-- 10.0.2.15\n           /32 host LOCAL\n     |-- 10.0.2.255\n           /32 link BROADCAST\n',
      'proc/net/route':
        'Iface\tDestination\tGateway\neth0\t00000000\t0202000A\neth0\t0002000A\t00000000\neth1\t00000000\t0\n',
      'sys/class/net/eth0/carrier': '1\n',
      'sys/class/net/eth1/carrier': '0\n',
      'sys/class/net/lo/carrier': '1\n',
    });
    const parameters = { root: folder, agent: 'probe', socket, deadlineMs: 20_000 };
    start(runtime, await scriptCommand('watch-cable', parameters));
    const watching = '{"agent":"probe","ev":"watching","up":12.34,"links":["eth0"]}\n';
    expect(await take()).toBe(watching);
    await write({ 'sys/class/net/eth0/carrier': '0\n' });
    const seen = { link: 'eth0', addresses: ['10.0.2.15'], routes: 1 };
    expect(JSON.parse(await take())).toEqual({ agent: 'probe', ev: 'seen', up: 12.34, ...seen });
  });

  it('watch-devices reports devices, modules and the loader’s log, and kills the loader in a load', async () => {
    const { socket, take } = await listen();
    const victim = start('sleep', ['sleep', '60']);
    const ended = once(victim, 'exit');
    const card = 'sys/devices/pci0/0000:00:02.0';
    await write({
      'proc/uptime': '1 1\n',
      'proc/modules': 'e1000 1 0 - Live 0x0\n',
      [`proc/${victim.pid}/cmdline`]: 'bun\0run\0--profile=kubernetes\0',
      [`proc/${victim.pid}/smaps_rollup`]: 'Rss:  40 kB\nPrivate_Dirty:  8 kB\n',
      [`${card}/modalias`]: 'pci:v8086\n',
      [`${card}/net/eth1/address`]: '',
      'sys/module/e1000/initstate': 'live\n',
      'sys/bus/pci/drivers/e1000/bind': '',
      'var/log/pods/kube-system_modloader-node_1/run/0.log':
        '2026 stdout F {"ev":"start"}\n2026 stdout F {"ev":"mod.load","name":"mii","by":"dep"}\n2026 stdout F {"ev":"mod.load","name":"e1000","by":"uevent"}\n',
    });
    const at = (file: string): string => path.join(folder, file);
    for (const dir of ['sys/bus/pci/devices', 'sys/class/net'])
      await mkdir(at(dir), { recursive: true });
    await symlink(at(card), at('sys/bus/pci/devices/0000:00:02.0'));
    await symlink(at('sys/module/e1000'), at('sys/bus/pci/drivers/e1000/module'));
    await symlink(at('sys/bus/pci/drivers/e1000'), at(`${card}/driver`));
    await symlink(at(`${card}/net/eth1`), at('sys/class/net/eth1'));
    const command = await scriptCommand('watch-devices', {
      root: folder,
      agent: 'probe',
      socket,
      devices: { card: '^pci:v8086', none: '^usb:' },
      modules: ['e1000', 'e100'],
      events: ['mod.load'],
      loads: ['e1000'],
      arms: '^usb:',
      loader: '--profile=kubernetes',
    });
    start(runtime, command);
    const seen = { agent: 'probe', up: 1 };
    const next = async (): Promise<unknown> => JSON.parse(await take());
    const driven = { driver: 'e1000', module: 'e1000', shows: ['net'] };
    expect(await next()).toEqual({ ...seen, ev: 'device', name: 'card', ...driven });
    expect(await next()).toEqual({ ...seen, ev: 'module', name: 'e1000', loaded: true });
    expect(await next()).toEqual({ ...seen, ev: 'module', name: 'e100', loaded: false });
    const load = { of: 'mod.load', name: 'e1000', by: 'uevent' };
    expect(await next()).toEqual({ ...seen, ev: 'loader', ...load });
    await rm(at('sys/bus/pci/devices/0000:00:02.0'));
    expect(await next()).toEqual({ ...seen, ev: 'device', name: 'card', gone: true });
    await write({
      'sys/bus/usb/devices/1-1/modalias': 'usb:v1\n',
      'proc/modules': 'e1000 1 0 - Live 0x0\ne100 1 0 - Loading 0x0\n',
    });
    const others = [await next(), await next(), await next(), await next()];
    expect(others).toContainEqual({ ...seen, ev: 'armed' });
    expect(others).toContainEqual({ ...seen, ev: 'killed', during: 'e100' });
    expect(await ended).toEqual([null, 'SIGKILL']);
  });

  it('watch-standalone reports sockets open to the network, the code and the files', async () => {
    const { socket, take } = await listen();
    const head = '  sl  local_address rem_address   st\n';
    await write({
      'proc/uptime': '1.5 1\n',
      'proc/net/tcp': `${head}   0: 0100007F:0050 00000000:0000 0A\n   1: 00000000:280A 00000000:0000 0A\n   2: 0F02000A:0016 0102000A:1234 01\n`,
      'proc/net/tcp6': `${head}   0: 00000000000000000000000001000000:0050 0:0 0A\n`,
      'proc/net/udp': `${head}   0: 00000000:0044 00000000:0000 07\n   1: 00000000:007B 00000000:0000 07\n`,
      'proc/net/udp6': head,
      'var/log/pods/kube-system_dhcp_1/dhcp/0.log': 'KIOS_BOOTSTRAP_TOKEN\n',
      'var/log/pods/kube-system_bootstrap_2/bootstrap/0.log': 'x KIOS_BOOTSTRAP_UNTRUSTED y\n',
      'etc/kubernetes/node-ip': '',
    });
    const limits = { refused: REFUSED, watchSeconds: 2, longestSeconds: 3 };
    const parameters = { root: folder, agent: 'probe', socket, ...limits };
    start(runtime, await scriptCommand('watch-standalone', parameters));
    expect(JSON.parse(await take())).toEqual({
      agent: 'probe',
      ev: 'seen',
      up: 1.5,
      open: ['tcp 00000000:280A', 'udp 00000000:007B'],
      code: 'KIOS_BOOTSTRAP_UNTRUSTED',
      files: ['node-ip'],
    });
  });

  it('watch-standalone gives up on a code that does not come', async () => {
    const { socket, take } = await listen();
    const nothing = Object.fromEntries(['tcp', 'tcp6', 'udp', 'udp6'].map((name) => [`proc/net/${name}`, ''])); // prettier-ignore
    await write({ ...nothing, 'proc/uptime': '1 1\n', 'etc/kubernetes/a': '' });
    await mkdir(path.join(folder, 'var/log/pods'), { recursive: true });
    const limits = { refused: REFUSED, watchSeconds: 1, longestSeconds: 2 };
    const parameters = { root: folder, agent: 'probe', socket, ...limits };
    start(runtime, await scriptCommand('watch-standalone', parameters));
    expect(JSON.parse(await take())).not.toHaveProperty('code');
  });

  it('host prints the processes, containers, sockets and executable files of the host', async () => {
    const runtimeSocket = path.join(folder, 'runtime');
    const requests = await serveRuntime(runtimeSocket);
    await write({
      'proc/1/status': status('init'),
      'proc/1/stat': stat('in) it'),
      'proc/1/cgroup': '0::/init\n',
      'proc/1/mountinfo': '1 0 0:1 / / rw - rootfs none rw\n2 1 0:2 / / ro,nodev - erofs /root.erofs ro\n',
      'proc/1/net/tcp': '  sl  local\n   0: 0100007F:0050 00000000:0000 0A 0:0 0:0 0 0 0 77 1\n',
      'proc/2/status': status('kthreadd'),
      'proc/2/stat': stat('kthreadd'),
      'proc/self': '',
      'proc/1/root/bin/init': '\u007fELF',
      'proc/1/root/etc/plain': '',
      'proc/1/root/lib/kios/store/program': '#!/bin/sh\n',
      'proc/1/root/var/lib/kubelet/other': '',
      'proc/1/root/proc/1/exe': '',
    }); // prettier-ignore
    await mkdir(path.join(folder, 'proc/1/ns'));
    await mkdir(path.join(folder, 'proc/1/fd'));
    await symlink('mnt:[1]', path.join(folder, 'proc/1/ns/mnt'));
    await symlink('/bin/init', path.join(folder, 'proc/1/exe'));
    await symlink('socket:[77]', path.join(folder, 'proc/1/fd/3'));
    for (const file of [
      'bin/init',
      'lib/kios/store/program',
      'var/lib/kubelet/other',
      'proc/1/exe',
    ])
      await chmod(path.join(folder, 'proc/1/root', file), 0o755);
    const parameters = { root: folder, runtime: runtimeSocket };
    const child = start(runtime, await scriptCommand('host', parameters));
    const facts = v.parse(HostFacts, JSON.parse(await text(child.stdout)));
    expect(facts).toMatchObject({
      containers: [
        {
          namespace: 'kube-system',
          pod: 'dhcp-kios',
          podUid: 'uid-1',
          sandbox: 'sandbox-1',
          name: 'acquire',
          id: CONTAINER,
          state: 'exited',
          exitCode: 3,
          spec: {
            process: {
              noNewPrivileges: true,
              capabilities: { bounding: ['CAP_NET_RAW'], ambient: [] },
            },
            linux: { seccomp: { defaultAction: 'SCMP_ACT_ERRNO' } },
          },
        },
      ],
      listeners: [{ protocol: 'tcp', address: '127.0.0.1', port: 80, program: '/bin/init' }],
      root: { type: 'erofs', options: 'ro,nodev', source: '/root.erofs', device: '0:2' },
      bin: ['init'],
      executables: [
        { path: '/bin/init', kind: 'program' },
        { path: '/lib/kios/store/program', kind: 'script' },
        { path: '/var/lib/kubelet/other', kind: 'other' },
      ],
    });
    expect(requests.get('ContainerStatus')?.toString('latin1')).toContain(CONTAINER);
    expect(facts.processes.toSorted((a, b) => a.pid - b.pid)).toEqual([
      {
        pid: 1,
        ppid: 0,
        name: 'init',
        exe: '/bin/init',
        kernel: false,
        onHost: true,
        cgroup: '0::/init',
        startTicks: 77,
        capabilities: {
          permitted: '3000',
          effective: '1000',
          bounding: '3000',
          inheritable: '0',
          ambient: '0',
        },
        noNewPrivileges: true,
        seccomp: 2,
      },
      expect.objectContaining({ pid: 2, exe: '', kernel: true, onHost: false }),
    ]);
  });

  it('measure-memory prints the kernel’s figures, processes with memory, and the files they map', async () => {
    const smaps =
      '1000-2000 r-xp 00000000 00:15 7                          /bin/init\nRss:   20 kB\nPss:   12 kB\nAnonymous:   2 kB\nVmFlags: rd\n2000-3000 rw-p 00000000 00:00 0                          [heap]\nPss:   9 kB\nAnonymous:   9 kB\n3000-4000 r-xp 00000000 00:15 7                          /bin/init\nPss:   4 kB\nAnonymous:   0 kB\n';
    await write({
      'proc/meminfo': 'MemTotal:  1000 kB\nActive(file):  5 kB\nHugePages_Total:  0\n',
      'proc/zoneinfo':
        'Node 0, zone DMA\n  pages free 9\n    cpu: 0\n              count:    3\n              high:     14\n    cpu: 1\n              count:    4\n',
      'proc/modules': 'veth 2048 0 - Live 0x0\nbridge 4096 1 veth, Live 0x0\n',
      'proc/1/comm': 'init\n',
      'proc/1/cmdline': '/bin/init\0second\0',
      'proc/1/cgroup': '0::/init\n',
      'proc/1/smaps_rollup':
        '1000-4000 ---p 00000000 00:00 0          [rollup]\nRss:  100 kB\nPss_Anon:  11 kB\nPrivate_Clean:  10 kB\nPrivate_Dirty:  30 kB\nSwap:  1 kB\n',
      'proc/1/smaps': smaps,
      'proc/2/smaps_rollup': '',
      'proc/2/comm': 'kthreadd\n',
      'proc/self/comm': '',
    });
    const child = start(runtime, await scriptCommand('measure-memory', { root: folder }));
    const facts = v.parse(MemoryFacts, JSON.parse(await text(child.stdout)));
    expect(facts).toEqual({
      meminfo: { MemTotal: 1000, 'Active(file)': 5, HugePages_Total: 0 },
      listsKiB: 28,
      modulesKiB: 6,
      probe: { pid: child.pid, shim: process.pid },
      processes: [
        {
          pid: 1,
          name: 'init',
          command: '/bin/init second',
          cgroup: '0::/init',
          privateKiB: 40,
          sharedKiB: 60,
          anonymousKiB: 11,
          swapKiB: 1,
        },
      ],
      mapped: [{ file: '/bin/init', kib: 14 }],
    });
  });

  it('watch-idle prints what was done between its looks', async () => {
    await write({
      ...idleFiles(0),
      'proc/7/stat': `7 (bin (x)) S 1 ${'0 '.repeat(9)}5 6 ${'0 '.repeat(6)}77 0\n`,
      'proc/7/comm': 'bin\n',
      'proc/7/cmdline': 'bin\0run\0',
      'proc/7/cgroup': '0::/x\n',
      'proc/20/stat': `20 (kworker) S 2 ${'0 '.repeat(18)}\n`,
    });
    // The first and the last that a look reads: it waits for them, so that it sees the files between.
    const pipes = await pipe('proc/stat', 'proc/meminfo');
    const look = async (more: number): Promise<void> => {
      await pipes['proc/stat']?.(
        `cpu  ${100 + more * 100} 0 100 900 50 0 0 0 0 0\nintr ${1000 + more} 1 2\nctxt ${2000 + more}\n`,
      );
      await pipes['proc/meminfo']?.(`MemTotal: 1000 kB\nMemAvailable: ${900 - more} kB\n`);
    };
    const parameters = { root: folder, everySeconds: 0.01, looks: 2 };
    const child = start(runtime, await scriptCommand('watch-idle', parameters));
    await look(0);
    await write(idleFiles(4));
    await look(4);
    const facts = v.parse(IdleFacts, JSON.parse(await text(child.stdout)));
    expect(facts.looks).toEqual([
      { seconds: 10, busySeconds: 2, interrupts: 1000, switches: 2000, writtenKiB: 32, writes: 5, usedKiB: 100 },
      { seconds: 14, busySeconds: 6, interrupts: 1004, switches: 2004, writtenKiB: 36, writes: 9, usedKiB: 104 },
    ]); // prettier-ignore
    expect(facts.processes.toSorted((a, b) => a.pid - b.pid)).toEqual([
      { pid: 2, name: 'kernel', command: '', cgroup: '', busySeconds: 0, wakeups: 12, writtenKiB: 0 },
      { pid: 7, name: 'bin', command: 'bin run', cgroup: '0::/x', busySeconds: 0, wakeups: 8, writtenKiB: 8 },
    ]); // prettier-ignore
  });

  it('watch-pods tells of the first pod, of all, and of memory that rests', async () => {
    const { socket, take } = await listen();
    await write({
      ...podFiles(10, 'own'),
      ...podFiles(20, 'a'),
      ...podFiles(30, 'b'),
      ...podFiles(31, 'b', 'runc:[2:INIT]'),
    });
    const pipes = await pipe('proc/uptime', 'proc/meminfo');
    const uptime = async (seconds: number) => pipes['proc/uptime']?.(`${seconds} 1\n`);
    const memory = async (used: number, seconds?: number): Promise<void> => {
      await pipes['proc/meminfo']?.(`MemTotal: 1000 kB\nMemAvailable: ${1000 - used} kB\n`);
      if (seconds !== undefined) await uptime(seconds);
    };
    const parameters = {
      root: folder,
      agent: 'watch',
      socket,
      process: 'pause',
      pods: 2,
      everyMs: 20,
      restSeconds: 10,
      restKiB: 50,
    };
    start(runtime, await scriptCommand('watch-pods', parameters));
    const next = async (): Promise<unknown> => JSON.parse(await take());
    await write(podFiles(31, 'b'));
    await uptime(1);
    expect(await next()).toEqual({ agent: 'watch', up: 1, ev: EVENTS.firstPod, running: 1 });
    await write(podFiles(21, 'a'));
    await uptime(2);
    expect(await next()).toEqual({ agent: 'watch', up: 2, ev: EVENTS.allPods, running: 2 });
    await memory(100, 3);
    await memory(200, 9);
    await memory(240, 15);
    // It reads the time twice now.
    await rm(path.join(folder, 'proc/uptime'));
    await write({ 'proc/uptime': '20 1\n' });
    await memory(160);
    const rest = { ev: EVENTS.rest, pods: 2, usedKiB: 160 };
    expect(await next()).toEqual({ agent: 'watch', up: 20, ...rest });
  });

  it('write-device writes what it was given over the start of a device', async () => {
    await write({ device: 'a'.repeat(10) });
    const device = path.join(folder, 'device');
    const gzip = gzipSync('bytes').toString('base64');
    const child = start(runtime, await scriptCommand('write-device', { device, gzip }));
    expect(await text(child.stdout)).toBe(`5 bytes to ${device}\n`);
    expect(await readFile(device, 'utf8')).toBe('bytesaaaaa');
  });

  it('stay ends when its time is over', async () => {
    const child = start(runtime, await scriptCommand('stay', { seconds: 0.1 }));
    expect(await once(child, 'exit')).toEqual([0, null]);
  });

  it.each(['power', 'order'] as const)('%s sends its order as one byte', async (name) => {
    const { socket, take } = await listen();
    start(runtime, await scriptCommand(name, { socket, order: 6 }));
    expect(await take()).toBe('\u0006');
  });

  it('kill ends the process it is given', async () => {
    const victim = start('sleep', ['sleep', '60']);
    const ended = once(victim, 'exit');
    start(runtime, await scriptCommand('kill', { pid: victim.pid ?? 0 }));
    expect(await ended).toEqual([null, 'SIGKILL']);
  });

  it('kill sends the signal it is given', async () => {
    const victim = start('sleep', ['sleep', '60']);
    const ended = once(victim, 'exit');
    start(runtime, await scriptCommand('kill', { pid: victim.pid ?? 0, signal: 'SIGQUIT' }));
    expect(await ended).toEqual([null, 'SIGQUIT']);
  });

  it('freeze holds a control group', async () => {
    const child = start(runtime, await scriptCommand('freeze', { group: folder }));
    expect(await once(child, 'exit')).toEqual([0, null]);
    expect(await readFile(path.join(folder, 'cgroup.freeze'), 'utf8')).toBe('1');
  });

  it('serve greets once it listens, and greet prints the name of its pod', async () => {
    const port = await freePort();
    const command = await scriptCommand('serve', { port, greeting: 'serving' });
    const server = start(runtime, command, { HOSTNAME: 'pod-1' });
    expect(String(await once(server.stdout, 'data'))).toBe('serving\n');
    const url = `http://127.0.0.1:${port}`;
    const client = start(runtime, await scriptCommand('greet', { url }));
    expect(await text(client.stdout)).toBe('pod-1\n');
  });

  it('owners prints whose files are', async () => {
    const child = start(runtime, await scriptCommand('owners', { files: [folder, '/proc/1'] }));
    const printed = await text(child.stdout);
    expect(printed).toMatch(`{"owners":[${process.getuid?.()},0],"outside":`);
    expect(printed).toMatch(/:\d+}\n$/);
  });

  it('main prints the kernel and the facts it is asked for', async () => {
    const file = path.join(folder, 'guest.cjs');
    await writeFile(file, await guestProgram('main'));
    const child = start(runtime, [runtime, file, 'facts', 'kernel/pid_max', 'kernel/kios']);
    const lines = (await text(child.stdout)).trim().split('\n');
    expect(lines[0]).toContain('"kernel"');
    expect(lines.at(-2)).toMatch(/^\{"name":"kernel\/pid_max","result":"\d+"\}$/);
    expect(lines.at(-1)).toBe('{"name":"kernel/kios","result":null}');
  });
});

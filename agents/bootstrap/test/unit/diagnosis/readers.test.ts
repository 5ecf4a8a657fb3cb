import { createSocket } from 'node:dgram';
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { BootstrapError } from '../../../src/core/faults/errors.ts';
import type { ApiServer } from '../../../src/edge/cluster/api-server.ts';
import { askApi } from '../../../src/edge/diagnosis/ask-api.ts';
import { askGateway, askNameServers } from '../../../src/edge/diagnosis/ask-network.ts';
import { LogTail } from '../../../src/edge/diagnosis/log-tail.ts';
import { readCards, readDisk, readProtectedDisks } from '../../../src/edge/diagnosis/machine.ts';
import { PodGroups } from '../../../src/edge/diagnosis/pod-groups.ts';

let dir: string;
const signal = new AbortController().signal;

const write = (file: string, text: string): void => {
  const full = path.join(dir, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, text);
};

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'kios-diagnosis-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

describe('the machine', () => {
  it('has cards with and without a carrier, and links that are none', async () => {
    write('class/net/eth0/device/vendor', '');
    write('class/net/eth0/carrier', '1\n');
    write('class/net/eth1/device/vendor', '');
    write('class/net/eth2/device/physfn/vendor', '');
    write('class/net/cni0/carrier', '1\n');
    expect(await readCards(dir)).toEqual([
      { name: 'eth0', hasCarrier: true },
      { name: 'eth1', hasCarrier: false },
    ]);
  });

  it('has disks that refuse to be written', async () => {
    write('block/mmcblk0/ro', '1\n');
    write('block/mmcblk0boot0/ro', '1\n');
    write('block/sda/ro', '0\n');
    write('block/loop0/ro', '1\n');
    write('block/sr0/ro', '1\n');
    expect(await readProtectedDisks(dir)).toEqual(['mmcblk0']);
  });

  it('has a file system with its state', async () => {
    const row = `1 2 254:2 / ${dir} rw - ext4 /dev/vda2 ro,errors=remount-ro\n`;
    write('mountinfo', row);
    write('fs/ext4/vda2/errors_count', '4\n');
    const places = { stateDir: dir, sysfs: dir, mountinfo: path.join(dir, 'mountinfo') };
    const disk = await readDisk(places);
    expect(disk).toMatchObject({ device: '/dev/vda2', isReadOnly: true, errors: 4 });
    expect(disk?.free).toBeGreaterThan(0);
    expect(disk?.freeInodes).toBeLessThanOrEqual(1);
    const gone = { ...places, stateDir: path.join(dir, 'gone') };
    write('mountinfo', row.replace(dir, gone.stateDir));
    expect(await readDisk(gone)).toMatchObject({ isReadOnly: true, errors: 4, free: 1 });
    expect(await readDisk({ ...places, stateDir: '/elsewhere' })).toBeUndefined();
  });
});

describe('a log', () => {
  it('is read on, over a line that is not finished and over its replacement', async () => {
    const file = path.join(dir, 'x.log');
    const seen: string[] = [];
    const tail = new LogTail(file);
    const read = () => tail.read((line, isOld) => seen.push(`${line}${isOld ? ' (old)' : ''}`));
    await read();
    writeFileSync(file, 'one\ntw');
    await read();
    appendFileSync(file, 'o ü\nthree\n');
    await read();
    appendFileSync(file, 'the end\n');
    renameSync(file, `${file}.1`);
    writeFileSync(file, 'four\n');
    await read();
    expect(seen).toEqual(['one (old)', 'two ü', 'three', 'the end', 'four']);
  });
});

const openGroups = (): PodGroups =>
  new PodGroups({ kubepods: path.join(dir, 'kubepods'), vmstat: path.join(dir, 'vmstat') });
const look = (groups: PodGroups, up: number) => groups.look(up, (uid) => `a/${uid}`);

describe('the groups of pods', () => {
  const POD = 'kubepods/burstable/pod0f1e2d3c-aaaa';

  it('name a pod whose processes were ended or refused of late', async () => {
    write(`${POD}/memory.events`, 'oom_kill 1\n');
    write(`${POD}/memory.max`, '16777216\n');
    write(`${POD}/pids.events`, 'max 0\n');
    write(`${POD}/pids.max`, '64\n');
    const groups = openGroups();
    expect(await look(groups, 0)).toEqual({ outOfMemory: [], outOfProcesses: [] });
    write(`${POD}/memory.events`, 'oom_kill 2\n');
    write(`${POD}/pids.events`, 'max 7\n');
    const pod = 'a/0f1e2d3c-aaaa';
    expect(await look(groups, 10)).toEqual({
      outOfMemory: [{ pod, limit: 'its limit is 16 MiB' }],
      outOfProcesses: [{ pod, limit: 'its limit is 64 processes' }],
    });
    expect(await look(groups, 71)).toEqual({ outOfMemory: [], outOfProcesses: [] });
  });

  it('say that a pod which is over had no memory', async () => {
    write('vmstat', 'oom_kill 4\n');
    const groups = openGroups();
    expect((await look(groups, 0)).outOfMemory).toEqual([]);
    write('vmstat', 'oom_kill 5\n');
    expect((await look(groups, 10)).outOfMemory).toEqual([
      { pod: 'or program that has ended', limit: 'the kernel ended it' },
    ]);
  });

  it('leave a pod that is ended in the middle of a look to the next one', async () => {
    const OTHER = 'kubepods/burstable/pod0f1e2d3c-bbbb';
    write('vmstat', 'oom_kill 4\n');
    for (const each of [POD, OTHER]) write(`${each}/memory.events`, 'oom_kill 0\n');
    write(`${POD}/memory.max`, '16777216\n');
    const groups = openGroups();
    await look(groups, 0);
    const seen: string[] = [];
    // The kernel ends it when all of it was read.
    const nameOf = (uid: string): string => {
      seen.push(uid);
      if (seen.length === 2) {
        write(`kubepods/burstable/pod${seen[0]}/memory.events`, 'oom_kill 1\n');
        write('vmstat', 'oom_kill 5\n');
      }
      return uid;
    };
    expect((await groups.look(10, nameOf)).outOfMemory).toEqual([]);
    const { outOfMemory } = await look(groups, 20);
    expect(outOfMemory.map(({ pod }) => pod)).toEqual([`a/${seen[0]}`]);
    expect((await look(groups, 79)).outOfMemory).toHaveLength(1);
    expect((await look(groups, 81)).outOfMemory).toEqual([]);
  });

  it('name a pod that came after the first look', async () => {
    const groups = openGroups();
    await look(groups, 0);
    write('kubepods/podffff0000/memory.events', 'oom_kill 1\n');
    write('kubepods/podffff0000/memory.max', 'max\n');
    expect((await look(groups, 10)).outOfMemory).toEqual([
      { pod: 'a/ffff0000', limit: 'the memory of the machine is used up' },
    ]);
  });
});

/** A reply of a name server: it refuses to look the name up. RFC 1035 §4.1.1. */
function refusalOf(question: Buffer): Buffer {
  const reply = Buffer.from(question);
  reply.writeUInt16BE(0x8105, 2);
  return reply;
}

describe('the network', () => {
  it('has a name server that replies, whatever it says', { timeout: 20_000 }, async () => {
    const server = createSocket('udp4');
    server.on('message', (question, from) => {
      server.send(refusalOf(question), from.port, from.address);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.bind(0, '127.0.0.1', resolve);
    await promise;
    const { port } = server.address();
    write('resolv.conf', 'nameserver 127.0.0.1\nnameserver fe80::1%eth0\n');
    const ask = () => askNameServers(path.join(dir, 'resolv.conf'), signal, port);
    expect(await ask()).toEqual([{ address: '127.0.0.1', replies: true }]);
    server.close();
    expect(await ask()).toEqual([{ address: '127.0.0.1', replies: false }]);
  });

  it('has a name server for which another replies, which does not count', async () => {
    const [server, other] = [createSocket('udp4'), createSocket('udp4')];
    const asked = Promise.withResolvers<void>();
    server.on('message', (question, from) => {
      other.send(refusalOf(question), from.port, from.address, () => asked.resolve());
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.bind(0, '127.0.0.1', resolve);
    await promise;
    write('resolv.conf', 'nameserver 127.0.0.1\n');
    const { port } = server.address();
    const replies = askNameServers(path.join(dir, 'resolv.conf'), signal, port);
    await asked.promise;
    expect(await replies).toEqual([{ address: '127.0.0.1', replies: false }]);
    server.close();
    other.close();
  });

  it('has a name server and a router to which no route leads', async () => {
    write('resolv.conf', 'nameserver 255.255.255.255\n');
    expect(await askNameServers(path.join(dir, 'resolv.conf'), signal)).toEqual([
      { address: '255.255.255.255', replies: false },
    ]);
    write('arp', 'IP address HW type Flags HW address Mask Device\n');
    const lease = { if: 'eth0', gateways: ['255.255.255.255'] };
    expect(await askGateway(lease, dir, signal)).toBeUndefined();
  });

  it('has a router that replies, is silent, or is not asked', { timeout: 20_000 }, async () => {
    const lease = { if: 'eth0', gateways: ['127.0.0.9'] };
    const head = 'IP address HW type Flags HW address Mask Device\n';
    write('arp', `${head}127.0.0.9 0x1 0x2 52:55:0a:00:02:02 * eth0\n`);
    expect(await askGateway(lease, dir, signal)).toEqual({ address: '127.0.0.9', replies: true });
    write('arp', `${head}127.0.0.9 0x1 0x0 00:00:00:00:00:00 * eth0\n`);
    expect(await askGateway(lease, dir, signal)).toEqual({ address: '127.0.0.9', replies: false });
    write('arp', head);
    expect(await askGateway(lease, dir, signal)).toBeUndefined();
    expect(await askGateway({ if: 'eth0', gateways: [] }, dir, signal)).toBeUndefined();
  });
});

const ask = (endpoint: string, api: ApiServer, shown: object = {}) =>
  askApi({
    api,
    endpoint,
    resolvConf: path.join(dir, 'resolv.conf'),
    request: { path: '/version', ca: undefined, ...shown },
  });
const answers = (status: number): ApiServer => ({
  get: async () => Promise.resolve({ status, body: '{}' }),
});
const fails = (
  code: 'KIOS_BOOTSTRAP_UNTRUSTED' | 'KIOS_BOOTSTRAP_UNREACHABLE',
  text: string,
): ApiServer => ({
  get: () => Promise.reject(new BootstrapError(code, text)),
});

describe('an API server', () => {
  let server: Server | undefined;
  const open = new Set<Socket>();

  async function listen(talk: (socket: Socket) => void): Promise<string> {
    server = createServer((socket) => {
      open.add(socket);
      socket.on('error', () => {});
      talk(socket);
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen(0, '127.0.0.1', resolve);
    await promise;
    const address = server.address();
    return `https://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  }
  afterEach(() => {
    for (const socket of open) socket.destroy();
    server?.close();
  });

  const late: ApiServer = {
    get: () =>
      Promise.reject(new BootstrapError('KIOS_BOOTSTRAP_UNREACHABLE', 'x', { isLate: true })),
  };
  const ANY = 'https://127.0.0.1:1';

  it('lets small replies through and no large ones', async () => {
    const endpoint = await listen((socket) =>
      socket.once('data', () => socket.end('HTTP/1.0 400\r\n\r\n')),
    );
    expect(await ask(endpoint, late)).toEqual({ reach: { kind: 'only small' } });
  });

  it('takes the connection and sends nothing', { timeout: 20_000 }, async () => {
    const endpoint = await listen(() => {});
    expect(await ask(endpoint, late)).toEqual({ reach: { kind: 'silent' } });
  });

  it('takes no connection', async () => {
    expect(await ask(ANY, late)).toMatchObject({ reach: { kind: 'closed', why: /ECONNREFUSED/ } });
    const refused = fails('KIOS_BOOTSTRAP_UNREACHABLE', `reach ${ANY}: connect ECONNREFUSED`);
    expect((await ask(ANY, refused)).reach).toEqual({
      kind: 'closed',
      why: 'connect ECONNREFUSED',
    });
  });

  it.each([
    ['verify it: x (CERT_NOT_YET_VALID)', 'other time'],
    ['verify it: x (CERT_HAS_EXPIRED)', 'other time'],
    ['verify it: x (SELF_SIGNED_CERT_IN_CHAIN)', 'untrusted'],
  ])('shows a certificate that does not verify: %s', async (why, kind) => {
    expect((await ask(ANY, fails('KIOS_BOOTSTRAP_UNTRUSTED', why))).reach).toEqual({ kind, why });
  });

  it('has no address', { timeout: 30_000 }, async () => {
    write('resolv.conf', '');
    expect(await ask('https://nobody.invalid:6443', late)).toEqual({ reach: { kind: 'unnamed' } });
  });

  it.each([
    [200, {}, { kind: 'reached' }],
    [403, { token: 'a.b' }, { kind: 'reached' }],
    [401, {}, { kind: 'reached' }],
    [401, { token: 'a.b' }, { kind: 'refused', shown: 'token' }],
    [401, { client: { cert: '', key: '' } }, { kind: 'refused', shown: 'certificate' }],
    [503, {}, { kind: 'other', why: 'it answers 503' }],
  ])('answers %s to who shows %o', async (status, shown, reach) => {
    expect((await ask(ANY, answers(status), shown)).reach).toEqual(reach);
  });
});

import {
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { DEFAULTS, type Settings } from '../../src/core/settings/settings.ts';

export const TOKEN = 'abcdef.0123456789abcdef';

const readUp = (): number => Number(readFileSync('/proc/uptime', 'latin1').split(' ', 1)[0]);

/**
 * A machine in a folder: the files that init, dhcp and kubelet leave for this agent, and a control socket that records
 * bytes.
 */
export class NodeFolder implements AsyncDisposable {
  readonly root: string;
  readonly settings: Settings;
  /** The bytes sent to init in hexadecimal, one string a connection. */
  readonly sent: string[] = [];
  /** Called after each of them. */
  onSent: () => void = () => {};
  #server: Server | undefined;
  bootId = 'boot-1';
  /** The name that init derives from the machine, used while nobody has chosen one. */
  derivedName = 'kios-00000000';
  /** Where init found a place for the state. */
  data: { readonly data: 'partition' | 'ram'; readonly dataReason?: 'none' | 'failed' } = {
    data: 'partition',
  };

  private constructor(root: string) {
    this.root = root;
    const at = (dir: string): string => path.join(root, dir);
    this.settings = {
      ...DEFAULTS,
      etc: at('etc'),
      run: at('run/kios'),
      seedDir: at('run/kios/seed'),
      stateDir: at('var/lib/kios/bootstrap'),
      kubeletPki: at('var/lib/kubelet/pki'),
      sysfs: at('sys'),
      firmware: at('sys/firmware'),
      plugins: at('plugins'),
      pluginDir: at('var/lib/kios/credential-providers'),
      procNet: at('proc/net'),
      cmdline: at('cmdline'),
      kubepods: at('kubepods'),
      mountinfo: at('proc/self/mountinfo'),
      // A test that is about faults has them looked for.
      diagnoseSeconds: 0,
      socket: at('control.sock'),
    };
    for (const dir of ['etc/kubernetes/kubelet.conf.d', 'etc/kios', 'var/lib/kios/bootstrap'])
      mkdirSync(at(dir), { recursive: true });
    for (const dir of ['net', 'time', 'platform', 'seed/cidata', 'seed/boot'])
      mkdirSync(path.join(this.settings.run, dir), { recursive: true });
    mkdirSync(this.settings.kubeletPki, { recursive: true });
    mkdirSync(at('sys'), { recursive: true });
  }

  static async make(): Promise<NodeFolder> {
    const node = new NodeFolder(await mkdtemp(path.join(tmpdir(), 'kios-node-')));
    await node.#listen();
    node.boot();
    return node;
  }

  async #listen(): Promise<void> {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      const chunks: string[] = [];
      socket.on('data', (chunk) => chunks.push(Buffer.from(chunk).toString('hex')));
      socket.on('end', () => {
        this.sent.push(chunks.join(''));
        this.onSent();
        socket.end();
      });
    });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#server.listen(this.settings.socket, resolve);
    await promise;
  }

  write(file: string, content: string | Uint8Array): void {
    const full = path.join(this.root, file);
    mkdirSync(path.dirname(full), { recursive: true });
    writeFileSync(full, content);
  }

  read(file: string): string | undefined {
    const full = path.join(this.root, file);
    return existsSync(full) ? readFileSync(full, 'utf8') : undefined;
  }

  remove(file: string): void {
    rmSync(path.join(this.root, file), { force: true, recursive: true });
  }

  /** Boots with the given id, and starts kubelet. */
  boot(options: { bootId?: string; clockFloored?: boolean; mode?: string } = {}): void {
    this.bootId = options.bootId ?? this.bootId;
    const boot = {
      v: 1,
      bootId: this.bootId,
      version: '0.1.0',
      buildTime: '2026-01-01T00:00:00Z',
      kernel: '6.12',
      clockFloored: options.clockFloored ?? false,
      data: 'partition',
      phases: [],
    };
    this.write('run/kios/boot.json', JSON.stringify(boot));
    this.startKubelet(options.mode ?? 'standalone');
  }

  /** Does as init at each start of kubelet: names the machine, and writes what it knows of it. */
  startKubelet(mode: string): void {
    const file = this.read('etc/hostname')?.trim();
    const hostname = file ?? this.derivedName;
    const host = {
      v: 1,
      hostname,
      hostnameSource: file === undefined ? 'machine' : 'file',
      version: '0.1.0',
      buildTime: '2026-01-01T00:00:00Z',
      ...this.data,
    };
    this.write('run/kios/host/host.json', JSON.stringify(host));
    const kubelet = { v: 1, pid: 2, mode, hostname, startedBoot: readUp(), starts: 1 };
    this.write('run/kios/kubelet.json', JSON.stringify(kubelet));
  }

  /** Does as kubelet in cluster mode: writes its kubeconfig and its nth certificate. */
  kubeletJoins(certificate: string, nth = 1): void {
    const user = { 'client-certificate': '/var/lib/kubelet/pki/kubelet-client-current.pem' };
    const cluster = { server: 'https://127.0.0.1:6443' };
    const kubeconfig = { clusters: [{ cluster }], users: [{ user }] };
    this.write('etc/kubernetes/kubelet.conf', JSON.stringify(kubeconfig));
    this.write(`var/lib/kubelet/pki/kubelet-client-${nth}.pem`, certificate);
    symlinkSync(
      `kubelet-client-${nth}.pem`,
      `${this.settings.kubeletPki}/kubelet-client-current.pem`,
    );
    this.startKubelet('cluster');
  }

  lease(address = '10.0.2.15/24', extra: Record<string, unknown> = {}): void {
    const lease = {
      v: 1,
      if: 'eth0',
      mac: '52:54:00:12:34:56',
      state: 'bound',
      bootId: this.bootId,
      acquired: { boot: 1, wall: '2026-01-01T00:00:00Z' },
      address,
      lease: 86_400,
      t1: 43_200,
      t2: 75_600,
      gateways: ['10.0.2.2'],
      ...extra,
    };
    this.write('run/kios/net/eth0.json', JSON.stringify(lease));
  }

  /** Writes the kernel's tables for an address that a router announced, and its route. */
  route6(hex: string, flags = '00', link = 'eth0'): void {
    const none = '0'.repeat(32);
    const router = `fe80${'0'.repeat(27)}1`;
    this.write('sys/class/net/eth0/address', '52:54:00:12:34:56\n');
    this.write('proc/net/if_inet6', `${hex} 02 40 00 ${flags}     ${link}\n`);
    this.write(
      'proc/net/ipv6_route',
      `${none} 00 ${none} 00 ${router} 00000400 00000001 00000000 00000003     ${link}\n`,
    );
  }

  /** The same of a router with a lifetime of 0: it announces a prefix, and is no way out. */
  prefix6(hex: string): void {
    this.route6(hex);
    const [prefix, none] = [hex.slice(0, 16).padEnd(32, '0'), '0'.repeat(32)];
    this.write(
      'proc/net/ipv6_route',
      `${prefix} 40 ${none} 00 ${none} 00000100 00000001 00000000 000c0001     eth0\n`,
    );
  }

  /** What the DHCP agent says of a network file. */
  networkFile(ipv4: boolean): void {
    this.write(
      'run/kios/net/network.status',
      `${JSON.stringify({ v: 1, outcome: 'good', ipv4 })}\n`,
    );
  }

  seed(userData: string, metaData = 'instance-id: i-1\nlocal-hostname: node-1\n'): void {
    this.write('run/kios/seed/cidata/meta-data', metaData);
    this.write('run/kios/seed/cidata/user-data', userData);
  }

  /** Puts the seed volumes on a disk with this serial number; '' is a disk without one, known by its place alone. */
  seedDisk(serial: string, place = '0000:00:05.0'): void {
    const { dev } = statSync(this.settings.seedDir);
    const name = `${(dev >> 8) & 0xfff}:${(dev & 0xff) | ((dev >> 12) & 0xfff00)}`;
    const disk = `devices/pci0000:00/${place}/virtio2/block/vdb`;
    this.remove('sys/devices');
    this.write(`sys/${disk}/vdb1/partition`, '1\n');
    this.write(`sys/${disk}/serial`, serial);
    this.remove(`sys/dev/block/${name}`);
    mkdirSync(path.join(this.settings.sysfs, 'dev/block'), { recursive: true });
    symlinkSync(`../../${disk}/vdb1`, path.join(this.settings.sysfs, 'dev/block', name));
  }

  /** Moves the disk to the machine whose firmware has this UUID. */
  machine(uuid: string): void {
    this.write('sys/class/dmi/id/product_uuid', `${uuid}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server?.close();
    rmSync(this.root, { force: true, recursive: true });
    await Promise.resolve();
  }
}

/** Returns a document for the control plane at `endpoint`, with its bundle or its pins. */
export function clusterDocument(
  endpoint: string,
  trust: { readonly ca?: string; readonly pins?: readonly string[] },
  token: string = TOKEN,
): string {
  return JSON.stringify({
    apiVersion: 'kios.dev/v1',
    kind: 'NodeBootstrap',
    cluster: { endpoint, caBundle: trust.ca, caCertHashes: trust.pins },
    auth: { bootstrapToken: token },
    node: { labels: { 'example.com/rack': 'a1' } },
  });
}

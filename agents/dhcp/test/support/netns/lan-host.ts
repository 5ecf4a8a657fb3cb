import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { writeAtomic } from '@kios/agent';
import { Lan, Netns, type RunningProcess } from '@kios/testkit';
import { dnsmasq } from '@kios/testkit/dhcp';
import * as v from 'valibot';

import { eventually } from './agent.ts';

const run = promisify(execFile);
const REPOSITORY = path.resolve(import.meta.dirname, '../../../../..');
const MAIN = path.join(import.meta.dirname, 'pod-lan-main.ts');
const CAPABILITIES = ['net_raw', 'net_admin', 'net_bind_service'];

export const SERVER = '10.77.0.1';
export const HOST = '10.77.0.50';
export const NEIGHBOUR = '10.77.0.9';
export const SERVICES = '10.96.0.0/12';

/** Folder of the plugins: kios-lan, and upstream's bridge as images have it. */
let plugins = '';

/** Builds the plugins. Returns the cleanup. */
export async function buildPlugins(): Promise<() => Promise<void>> {
  plugins = await mkdtemp(path.join(tmpdir(), 'kios-cni-'));
  const env = { ...process.env, CGO_ENABLED: '0' };
  const build = (cwd: string, target: string, out: string): Promise<unknown> =>
    run('go', ['build', '-o', path.join(plugins, out), target], {
      cwd: path.join(REPOSITORY, cwd),
      env,
    });
  const bridge = 'github.com/containernetworking/plugins/plugins/main/bridge';
  await build('init', '.', 'init');
  await build('os/upstream/cni-plugins', bridge, 'bridge');
  for (const name of ['kios-lan', 'portmap']) await symlink('init', path.join(plugins, name));
  return () => rm(plugins, { recursive: true });
}

const Result = v.object({
  ips: v.array(v.object({ address: v.string() })),
  interfaces: v.array(
    v.object({ name: v.string(), mac: v.string(), sandbox: v.optional(v.string()) }),
  ),
});

export type Result = v.InferOutput<typeof Result>;

const Aged = v.looseObject({
  lease: v.looseObject({ acquired: v.looseObject({ boot: v.number() }) }),
});

/** A pod with a network namespace of its own. */
export interface Pod {
  readonly netns: Netns;
  readonly name: string;
  readonly container: string;
  /** Name of the interface in the pod, of its own network unless another one is given. */
  readonly interface?: string;
}

/** Returns whether a machine reaches an address: its kernel then refuses the connection. */
export async function reaches(from: Netns, address: string): Promise<boolean> {
  const program = `require('node:net').connect({ host: '${address}', port: 9, timeout: 3000 })
    .on('error', ({ code }) => console.log(code)).on('timeout', () => process.exit(0));`;
  return (await from.exec(process.execPath, '-e', program)).trim() === 'ECONNREFUSED';
}

/** Carries out a CNI command on a host whose folder `/run/kios` is another one. */
export async function callPlugin(
  host: Netns,
  runFolder: string,
  command: string,
  pod: Pod,
  previous?: unknown,
): Promise<string> {
  const keys = { bridge: 'br0', serviceCIDRs: [SERVICES], bridgeNetfilter: false };
  return runPlugin(host, runFolder, command, pod, {
    type: 'kios-lan',
    ...keys,
    ...(previous === undefined ? {} : { prevResult: previous }),
  });
}

async function runPlugin(
  host: Netns,
  runFolder: string,
  command: string,
  { container, netns, name, interface: link = 'eth0' }: Pod,
  plugin: { readonly type: string; readonly [key: string]: unknown },
): Promise<string> {
  const network = { cniVersion: '1.0.0', name: 'kios-lan', ...plugin };
  const script = `mkdir -p /run/kios && mount --bind ${runFolder} /run/kios && printf %s "$CONF" | ${plugins}/${plugin.type}`;
  const env = {
    ...process.env,
    CONF: JSON.stringify(network),
    CNI_COMMAND: command,
    CNI_CONTAINERID: container,
    CNI_NETNS: `/run/netns/${netns.name}`,
    CNI_IFNAME: link,
    CNI_PATH: plugins,
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${name}`,
  };
  const args = ['netns', 'exec', host.name, 'sh', '-c', script];
  const { stdout } = await run('ip', args, { env }).catch((cause: unknown) => {
    const said = cause instanceof Error && 'stdout' in cause ? String(cause.stdout) : '';
    throw new Error(`${command} failed: ${said}`, { cause });
  });
  return stdout;
}

/** A machine with a bridge, on a segment with a DHCP server and a neighbour. */
export class LanHost implements AsyncDisposable {
  readonly lan: Lan;
  readonly folder: string;
  readonly #pods: Netns[] = [];
  #server: RunningProcess | undefined;
  #agent: RunningProcess | undefined;
  #count = 0;
  #bootId = 'boot-1';

  private constructor(lan: Lan, folder: string) {
    this.lan = lan;
    this.folder = folder;
  }

  static async open(): Promise<LanHost> {
    const lan = await Lan.open(`${SERVER}/24`, `${NEIGHBOUR}/24`);
    const host = new LanHost(lan, await mkdtemp(path.join(lan.client.folder, 'host-')));
    await mkdir(path.join(host.folder, 'kios'));
    const { client } = lan;
    await client.exec('ip', 'link', 'add', 'br0', 'type', 'bridge', 'forward_delay', '0');
    await client.exec('ip', 'link', 'set', 'eth0', 'master', 'br0', 'up');
    await client.exec('ip', 'address', 'add', `${HOST}/24`, 'dev', 'br0');
    await client.exec('ip', 'link', 'set', 'br0', 'up');
    return host;
  }

  /** Starts a DHCP server. One without memory knows no lease of an earlier one. */
  async serve(
    pool: readonly [string, string] = ['10.77.0.100', '10.77.0.199'],
    times = { t1Seconds: 3, t2Seconds: 6 },
  ): Promise<void> {
    await this.#server?.stop('SIGKILL');
    const folder = await mkdtemp(path.join(this.lan.server.folder, 'leases-'));
    this.#server = await dnsmasq.start(this.lan.server, {
      address: SERVER,
      router: SERVER,
      dns: [SERVER],
      pool,
      folder,
      leaseSeconds: 120,
      ...times,
    });
  }

  /** Starts a router that announces a prefix. */
  async announce(prefix: string): Promise<RunningProcess> {
    const folder = await mkdtemp(path.join(this.lan.server.folder, 'router-'));
    const router = this.lan.server.start('dnsmasq', [
      '--conf-file=/dev/null',
      '--keep-in-foreground',
      '--log-facility=-',
      '--port=0',
      '--user=root',
      `--pid-file=${folder}/pid`,
      `--dhcp-leasefile=${folder}/leases`,
      '--interface=srv0',
      '--enable-ra',
      `--dhcp-range=${prefix},ra-only`,
    ]);
    await router.expect('router advertisement on');
    return router;
  }

  /** Makes the host forward a Service to an endpoint in its own name, as kube-proxy does for strangers. */
  async translate(service: string, endpoint: string): Promise<void> {
    const { client } = this.lan;
    // As on a node, whose settings init makes: a redirect would lead pods past the host.
    const settings = ['ip_forward=1', 'conf.all.send_redirects=0', 'conf.br0.send_redirects=0'];
    await client.exec('sysctl', '-q', ...settings.map((each) => `net.ipv4.${each}`));
    const rules = `table ip services {
      chain to { type nat hook prerouting priority dstnat; ip daddr ${service} dnat to ${endpoint}; }
      chain from { type nat hook postrouting priority srcnat; ip daddr ${endpoint} ct status dnat masquerade; }
    }`;
    await client.exec('nft', rules);
  }

  get server(): RunningProcess {
    if (this.#server === undefined) throw new Error('start the server first');
    return this.#server;
  }

  /** Starts the agent, with the capabilities of its manifest alone. */
  async start(): Promise<RunningProcess> {
    const bounding = ['-all', ...CAPABILITIES.map((name) => `+${name}`)].join(',');
    const limits = ['--no-new-privs', `--bounding-set=${bounding}`, '--inh-caps=-all'];
    const command = [process.execPath, MAIN, this.folder, this.#bootId];
    this.#agent = this.lan.client.start('setpriv', [...limits, ...command]);
    await this.#agent.expect('pods.serve');
    return this.#agent;
  }

  async kill(): Promise<void> {
    await this.#agent?.stop('SIGKILL');
  }

  /** Pulls the host's cable, or plugs it in again: the switch's end goes down or up. */
  async plug(isIn: boolean): Promise<void> {
    const { client, server } = this.lan;
    await server.exec('ip', 'link', 'set', 'port1', isIn ? 'up' : 'down');
    await eventually(async () => {
      const link = await client.exec('ip', 'link', 'show', 'eth0');
      if (link.includes('NO-CARRIER') === isIn)
        throw new Error(`the cable is not ${isIn ? 'in' : 'out'}`);
    });
  }

  /** Clears what a reboot clears: pods, the agent, and everything in RAM. */
  async reboot(): Promise<void> {
    await this.kill();
    for (const pod of this.#pods.splice(0)) await pod[Symbol.asyncDispose]();
    await rm(path.join(this.folder, 'kios'), { recursive: true });
    await mkdir(path.join(this.folder, 'kios'));
    this.#bootId = `${this.#bootId}'`;
  }

  /** Stops agent and server, and lets the time of all leases pass. */
  async expire(): Promise<void> {
    await this.kill();
    await this.#server?.stop('SIGKILL');
    const folder = path.join(this.folder, 'state/pods');
    for (const name of await readdir(folder)) {
      const file = path.join(folder, name);
      const pod = v.parse(Aged, JSON.parse(await readFile(file, 'utf8')));
      pod.lease.acquired.boot -= 3600;
      await writeAtomic(file, JSON.stringify(pod), 0o600);
    }
  }

  async pod(name: string): Promise<Pod> {
    const netns = await Netns.open('pod');
    this.#pods.push(netns);
    this.#count += 1;
    return { netns, name, container: `container-${this.#count}` };
  }

  /** Carries out a CNI command as the runtime does, in the host's namespaces. */
  async cni(command: string, pod: Pod, previous?: unknown): Promise<string> {
    return callPlugin(this.lan.client, `${this.folder}/kios`, command, pod, previous);
  }

  /** Carries out a command of the network's next plugin, which leads a port of the host to the pod's port 80. */
  async mapPort(command: string, pod: Pod, hostPort: number, previous: Result): Promise<string> {
    const mapping = { hostPort, containerPort: 80, protocol: 'tcp' };
    return runPlugin(this.lan.client, `${this.folder}/kios`, command, pod, {
      type: 'portmap',
      masqAll: true,
      slaac: true,
      runtimeConfig: { portMappings: [mapping] },
      prevResult: { cniVersion: '1.0.0', ...previous },
    });
  }

  async add(pod: Pod): Promise<Result> {
    return v.parse(Result, JSON.parse(await this.cni('ADD', pod)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    for (const pod of this.#pods) await pod[Symbol.asyncDispose]();
    await this.lan[Symbol.asyncDispose]();
  }
}

import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, symlinkSync } from 'node:fs';
import path from 'node:path';

import { freePort } from '@kios/testkit';
import { find, makeCa } from '@kios/testkit/control-plane';

import { AgentProcess, SHIPPED } from './agent-process.ts';
import { NodeFolder } from './node-folder.ts';

const BASE_CONFIG = path.resolve(
  import.meta.dirname,
  '../../../../os/rootfs/lib/kios/kubelet.yaml',
);
const ETC = '/etc/kubernetes';
/** Characters of kubelet's log that a failed expectation shows. */
const LOG_TAIL = 2000;

/**
 * Makes the folder kubelet's machine, by mounts that only kubelet sees: its /etc/kubernetes, /run/kios and /var/lib.
 * The workstation's own files there stay untouched. The host name is the node's, as init sets it.
 */
const INSIDE = `
set -e
root=$1; shift
passwd=$(cat /etc/passwd)
for dir in /etc /run /var/lib /var/log; do mount -t tmpfs none $dir; done
echo "$passwd" > /etc/passwd
for dir in etc/kubernetes run/kios run/containerd var/lib/kubelet var/lib/kios; do
  mkdir -p /$dir $root/$dir
  mount --bind $root/$dir /$dir
done
hostname "$(cat $root/etc/hostname 2>/dev/null || echo kios-00000000)"
exec "$@"
`;

/** Mounts /var/lib only, for the agent: kubelet's link to its certificate names the path that both see. */
const BESIDE = `
set -e
root=$1; shift
mount -t tmpfs none /var/lib
mkdir -p /var/lib/kubelet
mount --bind $root/var/lib/kubelet /var/lib/kubelet
exec "$@"
`;

const privately = (script: string, root: string): readonly string[] => [
  'unshare', '--mount', '--uts', 'sh', '-c', script, 'sh', root,
]; // prettier-ignore

/** Keeps kubelet from taking over the workstation's control groups, and from refusing its kernel settings. */
const hostFragment = (port: number): string =>
  JSON.stringify({
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    failCgroupV1: false,
    protectKernelDefaults: false,
    cgroupsPerQOS: false,
    enforceNodeAllocatable: [],
    localStorageCapacityIsolation: false,
    address: '127.0.0.1',
    port,
    nodeStatusUpdateFrequency: '1s',
  });

/**
 * A machine with the real kubelet and containerd, and a stand-in for init that restarts kubelet for each byte it gets.
 */
export class Worker implements AsyncDisposable {
  readonly node: NodeFolder;
  #containerd: ChildProcess | undefined;
  #kubelet: ChildProcess | undefined;
  #custom: ChildProcess | undefined;
  #restarts = Promise.resolve();
  /** The starts of kubelet, each with its mode. */
  readonly starts: string[] = [];
  readonly kubeletPort: number;

  private constructor(node: NodeFolder, kubeletPort: number) {
    this.node = node;
    this.kubeletPort = kubeletPort;
  }

  static async start(): Promise<Worker> {
    const node = await NodeFolder.make();
    const worker = new Worker(node, await freePort());
    node.write('etc/kubernetes/base.yaml', readFileSync(BASE_CONFIG, 'utf8'));
    node.write('etc/kubernetes/kubelet.conf.d/99-here.conf', hostFragment(worker.kubeletPort));
    node.write('run/kios/net/resolv.conf', '');
    for (const dir of ['etc/kubernetes/pki', 'etc/kubernetes/manifests'])
      mkdirSync(path.join(node.root, dir), { recursive: true });
    makeCa(path.join(node.root, 'etc/kubernetes/pki'), 'kubelet');
    worker.#startContainerd();
    worker.#startKubelet();
    node.onSent = () => {
      worker.#restarts = worker.#restarts.then(async () => worker.restartKubelet());
    };
    return worker;
  }

  #spawn(name: string, command: readonly string[], env = process.env): ChildProcess {
    const log = openSync(path.join(this.node.root, `${name}.log`), 'a');
    const [program = '', ...args] = command;
    const child = spawn(program, args, { env, stdio: ['ignore', log, log] });
    closeSync(log);
    return child;
  }

  #startContainerd(): void {
    const at = (dir: string): string => path.join(this.node.root, 'run/containerd', dir);
    const socket = at('containerd.sock');
    // A network that no pod uses: it makes the node Ready.
    const network = { cniVersion: '1.0.0', name: 'lo', plugins: [{ type: 'loopback' }] };
    this.node.write('run/containerd/cni/10-lo.conflist', JSON.stringify(network));
    const config = `version = 3
root = '${at('root')}'
state = '${at('state')}'
[grpc]
address = '${socket}'
[ttrpc]
address = '${socket}.ttrpc'
[plugins.'io.containerd.cri.v1.runtime'.cni]
conf_dir = '${at('cni')}'
`;
    this.node.write('containerd.toml', config);
    const file = path.join(this.node.root, 'containerd.toml');
    this.#containerd = this.#spawn('containerd', [find('containerd') ?? '', '--config', file]);
  }

  /** The flags of docs/host-api.md, section 4; the image's own configuration has a path of the test. */
  #flags(): readonly string[] {
    const has = (file: string): boolean => this.node.read(`etc/kubernetes/${file}`) !== undefined;
    const flags = [`--config=${ETC}/base.yaml`, `--config-dir=${ETC}/kubelet.conf.d`];
    if (!has('kubelet.conf') && !has('bootstrap-kubelet.conf')) return flags;
    flags.push(`--kubeconfig=${ETC}/kubelet.conf`);
    if (this.node.read('etc/kubernetes/cloud-provider') === 'external\n')
      flags.push('--cloud-provider=external');
    if (has('bootstrap-kubelet.conf'))
      flags.push(`--bootstrap-kubeconfig=${ETC}/bootstrap-kubelet.conf`);
    return flags;
  }

  #startKubelet(): void {
    const flags = this.#flags();
    const mode = flags.length > 2 ? 'cluster' : 'standalone';
    const inside = privately(INSIDE, this.node.root);
    this.#kubelet = this.#spawn('kubelet', [...inside, find('kubelet') ?? '', ...flags]);
    this.starts.push(mode);
    this.node.startKubelet(mode);
  }

  async restartKubelet(): Promise<void> {
    await end(this.#kubelet);
    this.#startKubelet();
  }

  agent(...flags: string[]): AgentProcess {
    const by = privately(BESIDE, this.node.root);
    const explain = (): string => `kubelet: ${this.log('kubelet').slice(-LOG_TAIL)}`;
    return new AgentProcess({
      program: SHIPPED,
      node: this.node,
      verb: 'watch',
      flags,
      by,
      explain,
    });
  }

  /** Starts a custom agent, which knows only the paths of its pod. */
  startCustom(bundle: string): void {
    const { root } = this.node;
    for (const [link, target] of [
      ['host/etc', 'etc'],
      ['run/kios/control/restart-kubelet.sock', 'control.sock'],
    ] as const) {
      mkdirSync(path.dirname(path.join(root, link)), { recursive: true });
      symlinkSync(path.join(root, target), path.join(root, link));
    }
    const env = { ...process.env, BOOTSTRAP_ROOT: root };
    this.#custom = this.#spawn('custom', [SHIPPED, bundle, 'watch'], env);
  }

  log(name: 'kubelet' | 'containerd'): string {
    return this.node.read(`${name}.log`) ?? '';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.node.onSent = () => {};
    await end(this.#custom);
    await this.#restarts;
    await end(this.#kubelet);
    await end(this.#containerd);
    await this.node[Symbol.asyncDispose]();
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => void child.once('exit', resolve));
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(timer);
}

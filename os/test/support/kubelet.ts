import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

import { RunningProcess } from '@kios/testkit';
import { parse } from 'yaml';

import { record } from '../../src/build/manifests/rules/view.ts';
import { repository } from '../../src/workstation/paths.ts';

/** Settings of the kernel that kubelet makes sure of, with the values that it wants. */
const KERNEL = {
  'vm/overcommit_memory': 1,
  'vm/panic_on_oom': 0,
  'kernel/panic': 10,
  'kernel/panic_on_oops': 1,
  'kernel/keys/root_maxkeys': 1_000_000,
  'kernel/keys/root_maxbytes': 25_000_000,
} as const;

/** Shows kubelet its own files in place of the workstation's: those settings, and its folder of device plugins. */
const INSIDE = `
dir=$1; shift
mount -t tmpfs none /var/lib || exit 1
for file in ${Object.keys(KERNEL).join(' ')}; do
  mount --bind "$dir/kernel/$file" "/proc/sys/$file" || exit 1
done
exec "$@"
`;

const PRIVATELY = ['--mount', 'sh', '-c', INSIDE, 'sh'] as const;

/** The node's own kubelet and its configuration, standalone, with folders of the test and without control groups. */
export class Kubelet implements AsyncDisposable {
  readonly #dir: string;
  readonly #program: string;
  #process: RunningProcess | undefined;

  private constructor(dir: string, program: string) {
    this.#dir = dir;
    this.#program = program;
  }

  static async open(
    dir: string,
    program: string,
    socket: string,
    configure = (text: string): string => text,
  ): Promise<Kubelet> {
    for (const folder of ['manifests', 'logs', 'root', 'pki'])
      await mkdir(path.join(dir, folder), { recursive: true });
    for (const [name, value] of Object.entries(KERNEL)) {
      const file = path.join(dir, 'kernel', name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, `${value}\n`);
    }
    await writeFile(path.join(dir, 'resolv.conf'), '');
    const shipped = path.join(repository, 'os/rootfs/lib/kios/kubelet.yaml');
    const {
      tlsCertFile: _,
      tlsPrivateKeyFile: __,
      ...config
    } = record(parse(configure(await readFile(shipped, 'utf8'))));
    const moved = {
      ...config,
      staticPodPath: path.join(dir, 'manifests'),
      fileCheckFrequency: '1s',
      syncFrequency: '1s',
      containerRuntimeEndpoint: `unix://${socket}`,
      resolvConf: path.join(dir, 'resolv.conf'),
      podLogsDir: path.join(dir, 'logs'),
      volumePluginDir: path.join(dir, 'plugins'),
      failCgroupV1: false,
      cgroupsPerQOS: false,
      enforceNodeAllocatable: [],
      localStorageCapacityIsolation: false,
    };
    await writeFile(path.join(dir, 'config.yaml'), JSON.stringify(moved));
    const opened = new Kubelet(dir, program);
    opened.start();
    return opened;
  }

  start(): void {
    const at = (name: string): string => path.join(this.#dir, name);
    const flags = [
      `--config=${at('config.yaml')}`,
      `--root-dir=${at('root')}`,
      `--cert-dir=${at('pki')}`,
      '--hostname-override=node',
    ];
    this.#process = new RunningProcess('unshare', [
      ...PRIVATELY,
      this.#dir,
      this.#program,
      ...flags,
    ]);
  }

  /** Places a static pod. */
  place = (name: string, manifest: string): Promise<void> =>
    writeFile(path.join(this.#dir, 'manifests', `${name}.yaml`), manifest);

  remove = (name: string): Promise<void> => rm(path.join(this.#dir, 'manifests', `${name}.yaml`));

  /** Its last lines, for a test that fails. */
  get log(): string {
    return this.#process?.lines.slice(-30).join('\n') ?? '';
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    await this.#process?.stop(signal);
    this.#process = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

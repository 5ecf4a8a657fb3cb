import type { Logger } from '@kios/agent';
import { SyscallError } from '@kios/syscall';

import { emptyConfig } from '../../src/core/index/modprobe-config.ts';
import { ModuleIndex } from '../../src/core/index/module-index.ts';
import { nameOfFile } from '../../src/core/index/module-name.ts';
import type { IndexFile } from '../../src/core/index/tables.ts';
import type { Kernel, ModuleState } from '../../src/core/loading/kernel.ts';
import type { Policy } from '../../src/core/policy/policy.ts';
import { Attempts } from '../../src/edge/loading/attempts.ts';
import { Loader } from '../../src/edge/loading/loader.ts';
import { Report } from '../../src/edge/report/report.ts';
import { FakeDevices } from './fake-devices.ts';
import { policy } from './policy.ts';

const INDEX: Readonly<Partial<Record<IndexFile, string>>> = {
  'modules.dep': `k/virtio.ko:
k/virtio_pci.ko: k/virtio.ko
k/failover.ko:
k/virtio_net.ko: k/failover.ko k/virtio.ko
k/e1000e.ko:
k/nvme.ko:
k/kvm.ko:
k/kvm_intel.ko: k/kvm.ko
`,
  'modules.alias': `alias pci:v00001AF4d* virtio_pci
alias virtio:d00000001v* virtio_net
alias pci:v00008086d* e1000e
alias pci:v*d*sv*sd*bc01sc08i02* nvme
alias cpu:type:x86* kvm_intel
`,
  'modules.builtin': 'k/ext4.ko\n',
};

export const SILENT: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  close: async () => {},
};
export const NIC = 'virtio:d00000001v00001AF4';
export const BRIDGE = 'pci:v00001AF4d00001041sv0sd0bc02sc00i00';

/** A kernel that records its loads; `fail` lists the errors that the next loads of a module fail with. */
class FakeKernel implements Kernel {
  readonly calls: string[] = [];
  readonly live = new Map<string, ModuleState>();
  readonly fail = new Map<string, string[]>();
  /** Modules whose init function sleeps until a promise resolves. */
  readonly sleeping = new Map<string, Promise<void>>();

  state(name: string): ModuleState {
    return this.live.get(name) ?? 'absent';
  }

  async load(file: string, params: string): Promise<void> {
    const name = nameOfFile(file);
    this.calls.push(params === '' ? name : `${name} ${params}`);
    const errno = this.fail.get(name)?.shift();
    await this.sleeping.get(name);
    if (errno !== undefined) throw new SyscallError('finit_module', errno, 'load module');
    this.live.set(name, 'live');
  }

  loaded(): readonly string[] {
    return [...this.live].flatMap(([name, state]) => (state === 'live' ? [name] : []));
  }
}

const facts = () => ({ hasCapability: true, modulesDisabled: false, lockdown: 'none' });

/** `files` replaces files of the index. */
export function setUp(
  input: Parameters<typeof policy>[0] = {},
  { jobs = { count: 1, hanging: 0 }, stuckMs = 60_000, signal = new AbortController().signal } = {},
  files: Partial<Record<IndexFile, string>> = {},
) {
  const kernel = new FakeKernel();
  const config = emptyConfig();
  const report = new Report(SILENT);
  const chosen: Policy = policy(input);
  const index = new ModuleIndex((file) => files[file] ?? INDEX[file] ?? '', config);
  const attempts = new Attempts(jobs, signal, stuckMs);
  const loader = new Loader({ index, config, policy: chosen, kernel, facts, report, attempts });
  const devices = new FakeDevices();
  return {
    devices,
    attempts,
    report,
    kernel,
    config,
    policy: chosen,
    index,
    loader,
    lists: report.lists,
  };
}

import { setTimeout as sleep } from 'node:timers/promises';

import { PERSISTENT } from '../../build/image/persistent.ts';
import { readSettings, type Setting } from '../hardening/settings.ts';
import { type Assertion, demand, type Subject } from './assertion.ts';
import { type Results, askedOnce, askGuest } from './guest.ts';

/** init applies its last settings after the start phase. */
const SETTINGS_DEADLINE_MS = 120_000;
const TAINT_UNSIGNED_MODULE = 1 << 13;

/** Settings that do not exist in this kernel because the feature they disable is compiled out. */
const ABSENT: Readonly<Record<Results['kernel'], readonly string[]>> = {
  debian: [],
  kios: ['kernel/kexec_load_disabled', 'kernel/sysrq', 'vm/unprivileged_userfaultfd'],
};

/** Mounts that programs may be run from; docs/host-api.md section 3. */
const EXECUTABLE = new Set<string>([
  '/bin',
  '/bin/init',
  '/opt/cni',
  '/var/lib/kios/credential-providers',
  '/var/lib/kubelet',
  ...PERSISTENT,
]);
const WITH_DEVICES = new Set(['/dev', '/dev/pts']);
/** Mounts of containers and volumes, which have their own rules. */
const OF_PODS = /^\/(run\/containerd|(?:var\/)?run\/netns|var\/lib\/kubelet)\//;

export interface Mount {
  readonly target: string;
  readonly options: readonly string[];
}

/** Returns the visible mounts of a mountinfo file: a later mount covers an earlier one on the same folder. */
export function parseMounts(mountinfo: string): Mount[] {
  const seen = new Map<string, Mount>();
  for (const line of mountinfo.split('\n')) {
    const [, , , , target = '', options = ''] = line.split(' ');
    seen.set(target, { target, options: options.split(',') });
  }
  return [...seen.values()];
}

/** Returns the flags that a mount of the host must have and lacks. */
export function missingFlags({ target, options }: Mount): string[] {
  const wanted = ['nosuid'];
  if (!EXECUTABLE.has(target)) wanted.push('noexec');
  if (!WITH_DEVICES.has(target)) wanted.push('nodev');
  return wanted.filter((flag) => !options.includes(flag));
}

const facts = (subject: Subject, names: readonly string[]): Promise<Results> =>
  askGuest(subject.kubectl, { nodeName: subject.nodeName, mode: 'facts', names });

/** Facts that do not change are read once. */
const lookOnce = askedOnce('facts');

/** The kernel may print other white space between the numbers of a setting than was written. */
const same = (setting: Setting, result: string | null | undefined): boolean =>
  result?.replaceAll(/\s+/g, ' ') === setting.value;

/** Reads the settings until each has init's value or does not exist. Fails after a deadline. */
async function settled(subject: Subject, settings: readonly Setting[]): Promise<Results> {
  const end = Date.now() + SETTINGS_DEADLINE_MS;
  for (;;) {
    const found = await facts(
      subject,
      settings.map(({ name }) => name),
    );
    const late = settings.filter((setting) => {
      const result = found.results.get(setting.name);
      return result !== null && !same(setting, result);
    });
    if (late.length === 0) return found;
    demand(Date.now() < end, `differ: ${late.map(({ name, value }) => `${name} is ${found.results.get(name)}, not ${value}`).join('; ')}`); // prettier-ignore
    await sleep(1000);
  }
}

export const HARDENED_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'the kernel is locked down',
    check: async (subject) => {
      const { kernel, results } = await lookOnce(subject);
      const state = results.get('lockdown') ?? 'no lockdown';
      const wanted = kernel === 'kios' ? '[integrity]' : '[none]';
      demand(state.includes(wanted), state);
      return state;
    },
  },
  {
    name: 'the kernel’s security modules are active',
    check: async (subject) => {
      const { results } = await lookOnce(subject);
      const list = (results.get('security modules') ?? '').split(',');
      const missing = ['lockdown', 'yama', 'landlock', 'bpf'].filter((name) => !list.includes(name)); // prettier-ignore
      demand(missing.length === 0, `missing: ${missing.join(' ')}; there are ${list.join(' ')}`);
      return list.join(' ');
    },
  },
  {
    name: 'the kernel runs no unsigned module',
    check: async (subject) => {
      const { kernel, results } = await lookOnce(subject);
      const taint = Number(results.get('taint') ?? NaN);
      const unsigned = (taint & TAINT_UNSIGNED_MODULE) !== 0;
      // Debian's kernel takes unsigned modules: docs/decisions/0008.
      demand(!Number.isNaN(taint) && (kernel === 'debian' || !unsigned), `tainted: ${taint}`);
      return `tainted: ${taint}`;
    },
  },
  {
    name: 'every kernel setting has the value that init gives it',
    check: async (subject) => {
      const settings = await readSettings();
      const { kernel, results } = await settled(subject, settings);
      const absent = settings.filter(({ name }) => results.get(name) === null);
      const names = absent.map(({ name }) => name).toSorted();
      demand(names.join(' ') === ABSENT[kernel].join(' '), `absent: ${names.join(' ')}`);
      return `${settings.length - absent.length} settings; absent: ${names.join(' ') || 'none'}`;
    },
  },
  {
    name: 'every mount of the host is nosuid, nodev but for two, and noexec but for eleven',
    check: async (subject) => {
      const { results } = await lookOnce(subject);
      const mounts = parseMounts(results.get('mounts') ?? '').filter(({ target }) => !OF_PODS.test(target)); // prettier-ignore
      const faults = mounts.flatMap((mount) => {
        const missing = missingFlags(mount);
        return missing.length === 0 ? [] : [`${mount.target} lacks ${missing.join(' ')}`];
      });
      demand(mounts.length > 10 && faults.length === 0, faults.join('; '));
      return `${mounts.length} mounts`;
    },
  },
];

import { setTimeout as sleep } from 'node:timers/promises';

import { readSettings, type Setting } from '../hardening/settings.ts';
import { type Assertion, demand, type Subject } from './assertion.ts';
import { type Answers, askedOnce, askGuest } from './guest.ts';

/** init sets the last of its settings when the start phase is over. */
const SETTINGS_DEADLINE_MS = 120_000;
const TAINT_UNSIGNED_MODULE = 1 << 13;

/** Settings that this kernel has not, because it has not what they turn off. */
const ABSENT: Readonly<Record<Answers['kernel'], readonly string[]>> = {
  debian: [],
  kios: ['kernel/kexec_load_disabled', 'kernel/sysrq', 'vm/unprivileged_userfaultfd'],
};

/** Where programs may be run from; docs/host-api.md section 3. */
const EXECUTABLE = new Set(['/bin', '/opt/cni', '/var/lib/kios/credential-providers', '/var/lib/kubelet']); // prettier-ignore
const WITH_DEVICES = new Set(['/dev', '/dev/pts']);
/** Containers and volumes, which have their own rules. */
const OF_PODS = /^\/(run\/containerd|(?:var\/)?run\/netns|var\/lib\/kubelet)\//;

export interface Mount {
  readonly target: string;
  readonly options: readonly string[];
}

/** The mounts of a mountinfo file that are in sight; a later one covers an earlier one on the same place. */
export function parseMounts(mountinfo: string): Mount[] {
  const seen = new Map<string, Mount>();
  for (const line of mountinfo.split('\n')) {
    const [, , , , target = '', options = ''] = line.split(' ');
    seen.set(target, { target, options: options.split(',') });
  }
  return [...seen.values()];
}

/** What a mount of the host should have and has not. */
export function missingFlags({ target, options }: Mount): string[] {
  const wanted = ['nosuid'];
  if (!EXECUTABLE.has(target)) wanted.push('noexec');
  if (!WITH_DEVICES.has(target)) wanted.push('nodev');
  return wanted.filter((flag) => !options.includes(flag));
}

const facts = (subject: Subject, names: readonly string[]): Promise<Answers> =>
  askGuest(subject.kubectl, { nodeName: subject.nodeName, mode: 'facts', names });

/** One look at what does not change. */
const lookOnce = askedOnce('facts');

/** White space between the numbers of a setting is not always what was written. */
const same = (setting: Setting, answer: string | null | undefined): boolean =>
  answer?.replaceAll(/\s+/g, ' ') === setting.value;

/** The settings that differ, asked for again until the last have been made. */
async function settled(subject: Subject, settings: readonly Setting[]): Promise<Answers> {
  const end = Date.now() + SETTINGS_DEADLINE_MS;
  for (;;) {
    const found = await facts(
      subject,
      settings.map(({ name }) => name),
    );
    const late = settings.filter((setting) => {
      const answer = found.answers.get(setting.name);
      return answer !== null && !same(setting, answer);
    });
    if (late.length === 0) return found;
    demand(Date.now() < end, `differ: ${late.map(({ name, value }) => `${name} is ${found.answers.get(name)}, not ${value}`).join('; ')}`); // prettier-ignore
    await sleep(1000);
  }
}

export const HARDENED_ASSERTIONS: readonly Assertion[] = [
  {
    name: 'the kernel is locked down',
    check: async (subject) => {
      const { kernel, answers } = await lookOnce(subject);
      const state = answers.get('lockdown') ?? 'no lockdown';
      const wanted = kernel === 'kios' ? '[integrity]' : '[none]';
      demand(state.includes(wanted), state);
      return state;
    },
  },
  {
    name: 'its security modules run',
    check: async (subject) => {
      const { answers } = await lookOnce(subject);
      const list = (answers.get('security modules') ?? '').split(',');
      const missing = ['lockdown', 'yama', 'landlock', 'bpf'].filter((name) => !list.includes(name)); // prettier-ignore
      demand(missing.length === 0, `missing: ${missing.join(' ')}; there are ${list.join(' ')}`);
      return list.join(' ');
    },
  },
  {
    name: 'it runs no module that nobody signed',
    check: async (subject) => {
      const { kernel, answers } = await lookOnce(subject);
      const taint = Number(answers.get('taint') ?? NaN);
      const unsigned = (taint & TAINT_UNSIGNED_MODULE) !== 0;
      // Debian's kernel does without signatures: docs/decisions/0008.
      demand(!Number.isNaN(taint) && (kernel === 'debian' || !unsigned), `tainted: ${taint}`);
      return `tainted: ${taint}`;
    },
  },
  {
    name: 'every kernel setting has the value that init gives it',
    check: async (subject) => {
      const settings = await readSettings();
      const { kernel, answers } = await settled(subject, settings);
      const absent = settings.filter(({ name }) => answers.get(name) === null);
      const names = absent.map(({ name }) => name).toSorted();
      demand(names.join(' ') === ABSENT[kernel].join(' '), `absent: ${names.join(' ')}`);
      return `${settings.length - absent.length} settings; absent: ${names.join(' ') || 'none'}`;
    },
  },
  {
    name: 'every mount of the host is without devices, set-user-id and, but for four, programs',
    check: async (subject) => {
      const { answers } = await lookOnce(subject);
      const mounts = parseMounts(answers.get('mounts') ?? '').filter(({ target }) => !OF_PODS.test(target)); // prettier-ignore
      const faults = mounts.flatMap((mount) => {
        const missing = missingFlags(mount);
        return missing.length === 0 ? [] : [`${mount.target} has not ${missing.join(' ')}`];
      });
      demand(mounts.length > 10 && faults.length === 0, faults.join('; '));
      return `${mounts.length} mounts`;
    },
  },
];

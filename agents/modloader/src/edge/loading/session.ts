import {
  type AgentContext,
  type Logger,
  requireNoFaults,
  type SettingFault,
  SettingFaults,
} from '@kios/agent';
import { readSettingsFile } from '@kios/agent/settings-file';
import { EXIT, KiosError } from '@kios/errors';
import type { ModulesStatus } from '@kios/node-state';

import type { Devices } from '../../core/devices/device.ts';
import type { ModprobeConfig } from '../../core/index/modprobe-config.ts';
import { ModuleIndex } from '../../core/index/module-index.ts';
import type { Damaged } from '../../core/index/tables.ts';
import type { Kernel } from '../../core/loading/kernel.ts';
import { Policy, profile } from '../../core/policy/policy.ts';
import { blockedBy } from '../../core/policy/required.ts';
import { requireSysfs, sysfsDevices } from '../devices/sysfs.ts';
import { requireCapability } from '../kernel/capability.ts';
import { isMonolithic, kernelFacts, linuxKernel } from '../kernel/linux-kernel.ts';
import { type Listeners, Report } from '../report/report.ts';
import { Attempts, jobsHere } from './attempts.ts';
import { hasModules, kernelRelease, missingModules, modulesDir } from './kernel-folder.ts';
import { Loader } from './loader.ts';
import { readIndexFile, readModprobeConfig } from './module-files.ts';

/** Flags that select the available modules and those to load. */
export interface SessionArgs {
  readonly modulesDir: string;
  readonly kernel: string;
  readonly configDir: readonly string[];
  readonly policy: string;
  /** Whether `install` lines of modprobe.d deny nothing. */
  readonly ignoreInstall?: boolean;
  /** Modules to load at a time. */
  readonly jobs?: number | undefined;
  /** Profiles to load, comma-separated. */
  readonly profile?: string;
  /** Profiles to load once the boot is over, comma-separated. */
  readonly later?: string;
  readonly dryRun: boolean;
  readonly check: boolean;
}

/** The configuration and index of one run. */
export interface Session extends Operator {
  readonly isDryRun: boolean;
  readonly release: string;
  readonly dir: string;
  readonly index: ModuleIndex;
  readonly kernel: Kernel;
  readonly devices: Devices;
}

/** What people set: the policy, modprobe.d, and the modules that both make of the profiles. */
interface Operator {
  readonly policy: Policy;
  readonly config: ModprobeConfig;
  readonly profileNames: readonly string[];
  readonly laterNames: readonly string[];
}

/** Returns the modules of profiles. One that nobody defines is a fault of the policy, which may have lost it. */
function profileNames(
  policy: Policy,
  names: string | undefined,
  faults: SettingFault[],
  file: string,
): string[] {
  const wanted = (names ?? '').split(',').filter((name) => name !== '');
  return wanted.flatMap((name) => {
    const modules = profile(policy, name);
    if (modules !== undefined) return modules;
    const remedy = 'Define it there, or name another profile.';
    const why = 'is wanted by a flag and defined nowhere';
    faults.push({ file, path: `profiles.${name}`, why, remedy });
    return [];
  });
}

/** Reads what people set. A faulty part is told and left out: a slip must not cost the node its drivers. */
async function readOperator(args: SessionArgs, report: SettingFaults): Promise<Operator> {
  const read = await readSettingsFile(Policy, args.policy, 'docs/modules.md');
  const [policy, faults] = [read.settings, [...read.faults]];
  const names = profileNames(policy, args.profile, faults, args.policy);
  const laterNames = profileNames(policy, args.later, faults, args.policy);
  const config = await readModprobeConfig(args.configDir, faults, args.ignoreInstall);
  if (args.check) requireNoFaults(faults);
  report.report(faults);
  return { policy, config, profileNames: names, laterNames };
}

export const settingFaults = (log: Logger): SettingFaults =>
  new SettingFaults('KIOS_MODULE_SETTING', log);

/** Reads configuration and index. In a dry run the kernel is only read, never changed. */
export async function openSession(
  args: SessionArgs,
  faults: SettingFaults,
  log: Logger,
): Promise<Session> {
  const operator = await readOperator(args, faults);
  // A kernel without modules has no folder of them.
  const isNeeded = args.kernel !== 'auto' || !isMonolithic();
  if (!args.check && isNeeded && !hasModules(args)) throw await missingModules(args);
  const dir = modulesDir(args);
  const kernel = linuxKernel(dir);
  const damaged: Damaged = (file, why) => log.warn({ ev: 'index.fallback', file, why });
  return {
    ...operator,
    isDryRun: args.dryRun,
    release: kernelRelease(args),
    dir,
    index: new ModuleIndex((file) => readIndexFile(dir, file), operator.config, damaged),
    kernel: args.dryRun ? { ...kernel, load: async () => undefined } : kernel,
    devices: sysfsDevices(),
  };
}

const SILENT: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  close: async () => {},
};

/** A session and its loader. */
export interface Work {
  readonly session: Session;
  readonly loader: Loader;
  readonly report: Report;
  status(ready: boolean): ModulesStatus;
}

/** Returns where outcomes go. A dry run does not log single modules, because none is loaded. */
export const reportTo = (log: Logger, { dryRun }: SessionArgs, listeners?: Listeners): Report =>
  new Report(dryRun ? SILENT : log, listeners);

/** Returns the modules in memory that this run did not load: they were there before it, or somebody else loads them. */
function loadedByOthers(
  kernel: Kernel,
  { lists }: Report,
  before: ReadonlySet<string>,
): ModulesStatus['loaded'] {
  const own = new Set(lists.loaded.map(({ name }) => name));
  const others = kernel.loaded().filter((name) => !own.has(name));
  return others.map((name) => ({ name, by: before.has(name) ? 'before' : 'request' }));
}

/**
 * Creates the loader of a session. Sessions of one run share the report, the attempts and `before`, the modules that
 * were loaded when the run began.
 */
export function startWork(
  session: Session,
  report: Report,
  attempts: Attempts,
  before: ReadonlySet<string> = new Set(session.kernel.loaded()),
): Work {
  const loader = new Loader({ ...session, report, attempts, facts: kernelFacts });
  return {
    session,
    loader,
    report,
    status: (ready) => ({
      v: 1,
      kernel: session.release,
      ready,
      ...report.lists,
      loaded: [...report.lists.loaded, ...loadedByOthers(session.kernel, report, before)],
      devices: loader.devices,
    }),
  };
}

/**
 * Fails where a rule denies what has to be loaded. The index is that of the kernel here; without one nothing is said.
 */
function requireAllowed(session: Session, args: SessionArgs, required: readonly string[]): void {
  if (!hasModules(args)) return;
  const listed = session.policy.load.flatMap((entry) => (entry.required ? [entry.name] : []));
  const [blocked] = blockedBy(session, [...listed, ...required]);
  if (blocked === undefined) return;
  const { name, denied, rule } = blocked;
  const what = denied === name ? 'it is' : `it needs ${denied}, which is`;
  throw new KiosError('KIOS_MODULE_DENIED', `load ${name}: ${what} denied by ${rule}`, {
    exitCode: EXIT.config,
    remedy: `Change the rule, or do without ${name}.`,
  });
}

/**
 * Begins a command that loads and ends, or returns nothing when it is only to check what people set. `required` are the
 * modules that it has to load besides those of the policy.
 */
export async function begin(
  args: SessionArgs,
  { log, signal }: AgentContext,
  required: readonly string[] = [],
): Promise<Work | undefined> {
  const session = await openSession(args, settingFaults(log), log);
  if (args.check) {
    requireAllowed(session, args, required);
    return undefined;
  }
  requireSysfs();
  if (!args.dryRun) requireCapability();
  return startWork(session, reportTo(log, args), new Attempts(jobsHere(args.jobs), signal));
}

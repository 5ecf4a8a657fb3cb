import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { release } from 'node:os';
import path from 'node:path';

import {
  type AgentContext,
  type Logger,
  requireNoFaults,
  type SettingFault,
  SettingFaults,
  sleep,
} from '@kios/agent';
import { readSettingsFile } from '@kios/agent/settings-file';
import { EXIT, KiosError } from '@kios/errors';
import type { ModulesStatus } from '@kios/node-state';

import type { ModprobeConfig } from '../../core/index/modprobe-config.ts';
import { ModuleIndex } from '../../core/index/module-index.ts';
import type { Kernel } from '../../core/loading/kernel.ts';
import { Policy, profile } from '../../core/policy/policy.ts';
import { requireCapability } from '../kernel/capability.ts';
import { kernelFacts, linuxKernel } from '../kernel/linux-kernel.ts';
import { Report } from '../report/report.ts';
import { Attempts, jobsHere } from './attempts.ts';
import { Loader } from './loader.ts';
import { readIndexFile, readModprobeConfig } from './module-files.ts';

const MODULES_POLL_MS = 1000;

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
}

const kernelRelease = (args: SessionArgs): string =>
  args.kernel === 'auto' ? release() : args.kernel;

const modulesDir = (args: SessionArgs): string => path.join(args.modulesDir, kernelRelease(args));

const hasModules = (args: SessionArgs): boolean =>
  existsSync(path.join(modulesDir(args), 'modules.dep'));

/** The error for a kernel without modules: both must be of one build. The usual cause is a half-replaced image. */
async function missingModules(args: SessionArgs): Promise<KiosError> {
  const there = await readdir(args.modulesDir).catch(() => []);
  return new KiosError(
    'KIOS_MODULES_DIR',
    `find modules of kernel ${kernelRelease(args)} in ${args.modulesDir}`,
    {
      exitCode: EXIT.config,
      remedy: `Found: ${there.join(', ') || 'nothing'}. Ship the modules of the running kernel.`,
    },
  );
}

/** Waits for the kernel's modules, which may lie on a volume that is mounted late. */
export async function waitForModules(
  args: SessionArgs,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  for (let isFirst = true; !hasModules(args); isFirst = false) {
    if (isFirst) log.warn({ ev: 'modules.missing', err: await missingModules(args) });
    await sleep(MODULES_POLL_MS, signal);
  }
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
  if (args.check) requireNoFaults(faults);
  report.report(faults);
  const config = await readModprobeConfig(args.configDir, args.ignoreInstall);
  return { policy, config, profileNames: names, laterNames };
}

export const settingFaults = (log: Logger): SettingFaults =>
  new SettingFaults('KIOS_MODULE_SETTING', log);

/** Reads configuration and index. In a dry run the kernel is only read, never changed. */
export async function openSession(args: SessionArgs, faults: SettingFaults): Promise<Session> {
  const operator = await readOperator(args, faults);
  if (!args.check && !hasModules(args)) throw await missingModules(args);
  const dir = modulesDir(args);
  const kernel = linuxKernel(dir);
  return {
    ...operator,
    isDryRun: args.dryRun,
    release: kernelRelease(args),
    dir,
    index: new ModuleIndex((file) => readIndexFile(dir, file), operator.config),
    kernel: args.dryRun ? { ...kernel, load: async () => undefined } : kernel,
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
  status(ready: boolean): ModulesStatus;
}

/** Returns where outcomes go. A dry run does not log single modules, because none is loaded. */
export const reportTo = (log: Logger, { dryRun }: SessionArgs, changed?: () => void): Report =>
  new Report(dryRun ? SILENT : log, changed);

/** Creates the loader of a session. Sessions of one run share the report and the attempts. */
export function startWork(session: Session, report: Report, attempts: Attempts): Work {
  const loader = new Loader({ ...session, report, attempts, facts: kernelFacts });
  return {
    session,
    loader,
    status: (ready) => ({
      v: 1,
      kernel: session.release,
      ready,
      ...report.lists,
      devices: loader.devices,
    }),
  };
}

/** Begins a command that loads and ends, or returns nothing when it is only to check what people set. */
export async function begin(
  args: SessionArgs,
  { log, signal }: AgentContext,
): Promise<Work | undefined> {
  const session = await openSession(args, settingFaults(log));
  if (args.check) return undefined;
  if (!args.dryRun) requireCapability();
  return startWork(session, reportTo(log, args), new Attempts(jobsHere(args.jobs), signal));
}

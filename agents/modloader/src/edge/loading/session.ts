import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { release } from 'node:os';
import path from 'node:path';

import { ConfigError, type Logger, readYamlConfig } from '@kios/agent';
import { EXIT, KiosError } from '@kios/errors';
import type { ModulesStatus } from '@kios/node-state';

import type { ModprobeConfig } from '../../core/index/modprobe-config.ts';
import { ModuleIndex } from '../../core/index/module-index.ts';
import type { Kernel } from '../../core/loading/kernel.ts';
import { Policy, profile } from '../../core/policy/policy.ts';
import { kernelFacts, linuxKernel } from '../kernel/linux-kernel.ts';
import { Report } from '../report/report.ts';
import { Loader } from './loader.ts';
import { readIndexFile, readModprobeConfig } from './module-files.ts';

/** Flags of every verb that looks at modules. */
export interface SessionArgs {
  readonly modulesDir: string;
  readonly kernel: string;
  readonly configDir: readonly string[];
  readonly policy: string;
  readonly profile: string;
  /** Profiles for when the boot is over. */
  readonly later: string;
  readonly dryRun: boolean;
  readonly check: boolean;
}

export interface Session {
  readonly release: string;
  readonly dir: string;
  readonly index: ModuleIndex;
  readonly config: ModprobeConfig;
  readonly policy: Policy;
  readonly kernel: Kernel;
  /** Names of the profiles asked for. */
  readonly profileNames: readonly string[];
  readonly laterNames: readonly string[];
}

export const kernelRelease = (args: SessionArgs): string =>
  args.kernel === 'auto' ? release() : args.kernel;

export const modulesDir = (args: SessionArgs): string =>
  path.join(args.modulesDir, kernelRelease(args));

export const hasModules = (args: SessionArgs): boolean =>
  existsSync(path.join(modulesDir(args), 'modules.dep'));

/** Kernel and modules must be of one build; the usual cause of this fault is an image replaced by halves. */
export async function missingModules(args: SessionArgs): Promise<KiosError> {
  const there = await readdir(args.modulesDir).catch(() => []);
  return new KiosError(
    'KIOS_MODULES_DIR',
    `find modules of kernel ${kernelRelease(args)} in ${args.modulesDir}`,
    {
      exitCode: EXIT.config,
      remedy: `There is: ${there.join(', ') || 'nothing'}. Ship the modules of the running kernel.`,
    },
  );
}

function profileNames(policy: Policy, names: string): string[] {
  const wanted = names.split(',').filter((name) => name !== '');
  return wanted.flatMap((name) => {
    const modules = profile(policy, name);
    if (modules === undefined) throw new ConfigError(`use profile ${name}: nobody defines it`);
    return modules;
  });
}

/** Reads configuration and index. With `dryRun` the kernel is only asked, never changed. */
export async function openSession(args: SessionArgs): Promise<Session> {
  const policy = await readYamlConfig(Policy, args.policy);
  const names = profileNames(policy, args.profile);
  const laterNames = profileNames(policy, args.later);
  const config = await readModprobeConfig(args.configDir);
  if (!hasModules(args)) throw await missingModules(args);
  const dir = modulesDir(args);
  const kernel = linuxKernel(dir);
  return {
    release: kernelRelease(args),
    dir,
    index: new ModuleIndex((file) => readIndexFile(dir, file), config),
    config,
    policy,
    kernel: args.dryRun ? { ...kernel, load: () => undefined } : kernel,
    profileNames: names,
    laterNames,
  };
}

export interface Work {
  readonly loader: Loader;
  status(ready: boolean): ModulesStatus;
}

export function startWork(session: Session, log: Logger, changed?: () => void): Work {
  const report = new Report(log, changed);
  const loader = new Loader({ ...session, report, facts: kernelFacts });
  return {
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

import {
  type AgentContext,
  type Argv,
  command,
  type CommonArgs,
  requireNoFaults,
} from '@kios/agent';

import { type ConfSettings, formatChronyConf } from '../core/chronyd/chrony-conf.ts';
import { confSettings } from '../core/chronyd/conf-settings.ts';
import { planSources } from '../core/sources/plan-sources.ts';
import { prepare, writeConf, writeSources } from '../edge/chronyd/config-files.ts';
import { type InputArgs, readConfig, readInputs } from '../edge/sources/inputs.ts';
import { RENDER_FLAGS } from './flags.ts';

export interface RenderArgs extends InputArgs, CommonArgs {
  readonly out: string;
  readonly socket: string;
  readonly stateDir: string;
  readonly chronyVersion: string;
}

/** What is written where chronyd's version is not known: every chronyd of protocol version 6 takes it. */
const OLDEST = '4.0';

/** Returns a function that formats chrony.conf. `auto` is the version that the build put into the agent's image. */
export function confOf(args: RenderArgs): (settings: ConfSettings) => string {
  const version =
    args.chronyVersion === 'auto' ? (process.env['CHRONY_VERSION'] ?? OLDEST) : args.chronyVersion;
  const { out: dir, stateDir, socket } = args;
  return (settings) => formatChronyConf({ dir, stateDir, socket, version, settings });
}

/** Writes chrony.conf and the source files from what is known now, without waiting for anything. */
export async function renderFiles(args: RenderArgs, { log }: AgentContext): Promise<void> {
  const layout = { dir: args.out, socket: args.socket };
  if (args.check) {
    requireNoFaults((await readConfig(args)).faults);
    return;
  }
  // What is wrong in time.yaml is told by `watch`, once.
  const { errors, faults: _, ...inputs } = await readInputs(args, layout);
  const isPlatformPending = inputs.platform === undefined;
  const plan = planSources({ ...inputs, isPlatformPending, resolved: new Map() });
  const conf = confOf(args)(confSettings(inputs, plan));
  if (args.dryRun) {
    const files = { 'chrony.conf': conf, ...Object.fromEntries(plan.files) };
    log.info({ ev: 'plan', files, sources: plan.notes });
    return;
  }
  for (const err of errors) log.warn({ ev: 'input.bad', err });
  await prepare(layout);
  const isNewConf = await writeConf(layout, conf);
  const changed = await writeSources(layout, plan.files);
  log.info({
    ev: 'render',
    files: [...plan.files.keys()],
    changed: isNewConf ? ['chrony.conf', ...changed] : changed,
  });
}

/** Runs as an init container, before chronyd. */
export const render = command({
  command: 'render',
  describe: 'Write the files chronyd starts with',
  builder: (args: Argv) => args.options(RENDER_FLAGS),
  run: renderFiles,
});

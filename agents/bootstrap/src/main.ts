import { writeFileSync } from 'node:fs';

import { type AgentCommand, command, type CommonArgs, runProgram } from '@kios/agent';
import type { Argv } from 'yargs';

import { PROVIDER_NAMES } from './core/providers/provider.ts';
import { checkUserData } from './edge/check-user-data.ts';
import type { JoinContext } from './edge/context.ts';
import { follow, holdLock, joinOnce } from './edge/follow.ts';
import { renderPlan } from './edge/render.ts';
import { reset } from './edge/reset.ts';
import { DEFAULTS, type Settings } from './edge/settings.ts';

/** yargs gives every flag under its dashed name too; the camel-cased ones are `Settings`. */
const builder = (args: Argv): Argv<Settings> =>
  args.options({
    provider: { choices: ['auto', ...PROVIDER_NAMES] as const, default: DEFAULTS.provider },
    cmdline: { type: 'string', default: DEFAULTS.cmdline },
    config: { type: 'string', array: true, default: DEFAULTS.config },
    etc: { type: 'string', default: DEFAULTS.etc },
    run: { type: 'string', default: DEFAULTS.run },
    seedDir: { type: 'string', default: DEFAULTS.seedDir },
    stateDir: { type: 'string', default: DEFAULTS.stateDir },
    kubeletPki: { type: 'string', default: DEFAULTS.kubeletPki },
    sysfs: { type: 'string', default: DEFAULTS.sysfs },
    firmware: { type: 'string', default: DEFAULTS.firmware },
    procNet: { type: 'string', default: DEFAULTS.procNet },
    socket: { type: 'string', default: DEFAULTS.socket },
    plugins: { type: 'string', default: DEFAULTS.plugins },
    pluginDir: { type: 'string', default: DEFAULTS.pluginDir },
    timeoutSeconds: { type: 'number', default: DEFAULTS.timeoutSeconds },
    leaseGraceSeconds: { type: 'number', default: DEFAULTS.leaseGraceSeconds },
    clockTimeoutSeconds: { type: 'number', default: DEFAULTS.clockTimeoutSeconds },
    podsTimeoutSeconds: { type: 'number', default: DEFAULTS.podsTimeoutSeconds },
    rollbackSeconds: { type: 'number', default: DEFAULTS.rollbackSeconds },
    nodeCheckSeconds: { type: 'number', default: DEFAULTS.nodeCheckSeconds },
    restart: { type: 'boolean', default: DEFAULTS.restart },
    reEvaluate: { type: 'boolean', default: DEFAULTS.reEvaluate },
  });

const print = (value: unknown): void =>
  writeFileSync(1, `${JSON.stringify(value, undefined, 2)}\n`);

/** `--check` and `--dry-run` of any verb end here; both throw what is wrong with the document. */
async function onlyLooks(args: Settings & CommonArgs, context: JoinContext): Promise<boolean> {
  if (!args.check && !args.dryRun) return false;
  const plan = await renderPlan(context);
  if (args.dryRun) print(plan);
  return true;
}

const verb = (
  name: string,
  describe: string,
  work: (context: JoinContext) => Promise<void>,
): AgentCommand =>
  command({
    command: name,
    describe,
    builder,
    async run(args, { log, signal }) {
      const context = { settings: args, log, signal };
      if (await onlyLooks(args, context)) return;
      const lock = await holdLock(log, signal);
      try {
        log.info({ ev: 'start', verb: name });
        await work(context);
      } finally {
        lock[Symbol.dispose]();
      }
    },
  });

const render = command({
  command: 'render',
  describe: 'print the files join would write, and where each value came from',
  builder,
  run: async (args, { log, signal }) => print(await renderPlan({ settings: args, log, signal })),
});

const checkFile = command({
  command: 'check-userdata <file>',
  describe: 'say what a node would make of a file as its user data',
  builder: (args) => args.positional('file', { type: 'string', demandOption: true }),
  run: async ({ file }) => print(await checkUserData(file)),
});

void (async () => {
  process.exitCode = await runProgram({
    name: 'bootstrap',
    commands: [
      verb('join', 'configure this node for its cluster and end', joinOnce),
      verb('watch', 'configure this node, and follow what may change', follow),
      verb('reset', 'leave the cluster: remove what joining wrote', reset),
      render,
      checkFile,
    ],
  });
})();

import { command, startProgram } from '@kios/agent';

import { CHECKED, FLAGS, toSettings } from './core/settings/flags.ts';
import { reportUserData } from './verbs/check-userdata.ts';
import { join } from './verbs/join.ts';
import { nodeVerb, print } from './verbs/node-verb.ts';
import { renderPlan } from './verbs/render.ts';
import { planReset, reset } from './verbs/reset.ts';
import { watch } from './verbs/watch.ts';

startProgram({
  name: 'bootstrap',
  commands: [
    nodeVerb({
      name: 'join',
      describe: 'Configure this node for its cluster and end',
      builder: (args) => args.options(FLAGS.join),
      plan: renderPlan,
      work: join,
    }),
    nodeVerb({
      name: 'watch',
      describe: 'Configure this node and keep it configured',
      builder: (args) => args.options(FLAGS.watch),
      plan: renderPlan,
      work: watch,
    }),
    nodeVerb({
      name: 'reset',
      describe: 'Leave the cluster: remove what joining wrote',
      builder: (args) => args.options(FLAGS.reset),
      plan: async ({ settings }) => planReset(settings),
      work: reset,
    }),
    command({
      command: 'render',
      describe: 'Print the files join would write, and the origin of each value',
      isReadOnly: true,
      builder: (args) => args.options(FLAGS.render),
      run: async (args, { log, signal }) =>
        print(await renderPlan({ settings: toSettings(args), log, signal })),
    }),
    command({
      command: 'check-userdata <file>',
      describe: 'Report what a node reads from a file of user data',
      isReadOnly: true,
      builder: (args) =>
        args
          .positional('file', CHECKED.file)
          .options({ pods: CHECKED.pods, settings: CHECKED.settings }),
      run: async ({ file, pods, settings }) => {
        const { report, exitCode } = await reportUserData(file, pods, settings);
        print(report);
        return exitCode;
      },
    }),
  ],
});

import { command, sleep } from '@kios/agent';

import { FLAGS, toSettings } from '../core/settings/settings.ts';
import { openKeeper } from './context.ts';

export const stage = command({
  command: 'stage',
  describe: 'Stage the system that is mounted, once; the next boot tries it',
  builder: (args) => args.options(FLAGS),
  async run(args, context) {
    const settings = toSettings(args);
    const keeper = await openKeeper({ ...settings, reboot: false }, context);
    const { act, report } = await keeper.decide();
    context.log.info({ ev: 'decided', act, state: report.state, message: report.message });
    if (args.check || args.dryRun) return;
    // What was staged is told by the step after it.
    for (;;) {
      const done = await keeper.next();
      if (done === 'pause') await sleep(settings.idleMs, context.signal);
      else if (done !== 'stage') return;
    }
  },
});

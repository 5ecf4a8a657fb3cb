import { type Argv, command, startProgram } from '@kios/agent';
import { STATE } from '@kios/node-state';

import { coldplugOnce, loadOnce, resolve, status } from './once.ts';
import { run } from './run.ts';

const CONFIG_DIRS = ['/etc/modprobe.d', '/run/modprobe.d', '/usr/lib/modprobe.d'];

// oxlint-disable-next-line typescript/explicit-module-boundary-types -- yargs infers it
const options = (args: Argv) =>
  args
    .option('modules-dir', { type: 'string', default: '/lib/modules' })
    .option('kernel', { type: 'string', default: 'auto', describe: 'release of the kernel' })
    .option('config-dir', { type: 'string', array: true, default: CONFIG_DIRS })
    .option('policy', { type: 'string', default: '/etc/kios/modules.yaml' })
    .option('profile', { type: 'string', default: '', describe: 'names, comma-separated' })
    .option('later', { type: 'string', default: '', describe: 'profiles that can wait' });

startProgram({
  name: 'modloader',
  commands: [
    command({
      command: 'run',
      describe: 'load the drivers of all devices, now and as they appear',
      builder: (args: Argv) =>
        options(args)
          .option('load-dir', { type: 'string', default: '/etc/modules-load.d' })
          .option('status-dir', { type: 'string', default: '/run/kios/modules' })
          .option('later-after', { type: 'number', default: 30, describe: 'seconds' }),
      run,
    }),
    command({
      command: 'coldplug',
      describe: 'load the drivers of the devices there are',
      builder: options,
      run: coldplugOnce,
    }),
    command({
      command: 'load [names..]',
      describe: 'load modules by name or alias',
      builder: (args: Argv) =>
        options(args)
          .positional('names', { type: 'string', array: true, default: [] })
          .option('optional', { type: 'boolean', default: false }),
      run: loadOnce,
    }),
    command({
      command: 'resolve <aliases..>',
      describe: 'tell what an alias means',
      builder: (args: Argv) =>
        options(args).positional('aliases', { type: 'string', array: true, default: [] }),
      run: resolve,
    }),
    command({
      command: 'status',
      describe: 'tell what the daemon did',
      builder: (args: Argv) => args.option('file', { type: 'string', default: STATE.modules }),
      run: (args, context) => status(args.file, context),
    }),
  ],
});

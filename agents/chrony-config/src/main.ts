import { type Argv, command, startProgram } from '@kios/agent';
import { STATE } from '@kios/node-state';

import { render, status, wait, watch } from './verbs.ts';

const SOCKET = `${STATE.chronyDir}/sock/chronyd.sock`;

const renderOptions = (args: Argv) =>
  args
    .option('config', { type: 'string', default: '/etc/kios/time.yaml' })
    .option('net-dir', { type: 'string', default: STATE.netDir })
    .option('platform-dir', { type: 'string', default: '/run/kios/platform' })
    .option('out', { type: 'string', default: STATE.chronyDir })
    .option('socket', { type: 'string', default: SOCKET })
    .option('state-dir', { type: 'string', default: '/var/lib/kios/chrony' })
    .option('chrony-version', { type: 'string', default: '4.6', describe: 'of the image beside' })
    .option('leap-seconds', { type: 'string', describe: 'leap second list in that image' });

const floorOption = { type: 'string', default: 'auto', describe: 'RFC 3339' } as const;

startProgram({
  name: 'chrony-config',
  commands: [
    command({
      command: 'render',
      describe: 'write what chronyd starts with',
      builder: (args: Argv) => renderOptions(args),
      run: (args, context) => render({ ...args, leapSeconds: args.leapSeconds }, context),
    }),
    command({
      command: 'watch',
      describe: 'keep the sources current and tell how good the clock is',
      builder: (args: Argv) =>
        renderOptions(args)
          .option('floor', floorOption)
          .option('resolv-conf', { type: 'string', default: STATE.resolvConf })
          .option('state', { type: 'string', default: STATE.time }),
      run: (args, context) => watch({ ...args, leapSeconds: args.leapSeconds }, context),
    }),
    command({
      command: 'wait',
      describe: 'end when the clock can be trusted',
      builder: (args: Argv) =>
        args
          .option('mode', { choices: ['sane', 'synced'] as const, default: 'sane' as const })
          .option('floor', floorOption)
          .option('timeout', { type: 'number', default: 0, describe: 'seconds; 0 is for ever' })
          .option('max-error', { type: 'number', default: 1, describe: 'seconds' }),
      run: wait,
    }),
    command({
      command: 'status',
      describe: 'tell the state of the clock',
      builder: (args: Argv) =>
        args
          .option('state', { type: 'string', default: STATE.time })
          .option('socket', { type: 'string', default: SOCKET }),
      run: status,
    }),
  ],
});

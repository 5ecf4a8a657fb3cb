import { KiosError } from '@kios/errors';

import { runProgram, sleep } from '../../src/index.ts';

/** A program with one verb for each way to end. run-agent.test.ts runs it in a process of its own. */
process.exitCode = await runProgram({
  name: 'demo-agent',
  commands: [
    {
      command: 'done',
      describe: 'Ends',
      builder: (args) => args.option('level', { type: 'number', default: 0 }),
      run: async (args, { log }) => log.info({ ev: 'start', args }),
    },
    {
      command: 'expected',
      describe: 'Fails with an expected error',
      builder: (args) => args,
      run: async () => {
        throw new KiosError('KIOS_DEMO', 'do it', { exitCode: 69 });
      },
    },
    {
      command: 'unexpected',
      describe: 'Has a bug',
      builder: (args) => args,
      run: async () => {
        throw new TypeError('no such thing');
      },
    },
    {
      command: 'background',
      describe: 'Has a bug in a callback',
      builder: (args) => args,
      run: async (_, { signal }) => {
        setTimeout(() => {
          throw new TypeError('late');
        }, 1);
        await sleep(60_000, signal);
      },
    },
    {
      command: 'forever',
      describe: 'Runs until it is told to stop',
      builder: (args) => args,
      run: async (_, { log, signal }) => {
        log.info({ ev: 'start' });
        await sleep(2 ** 40, signal);
      },
    },
    {
      command: 'deaf',
      describe: 'Ignores the signal',
      builder: (args) => args,
      run: async (_, { log }) => {
        log.info({ ev: 'start' });
        await new Promise((resolve) => {
          setTimeout(resolve, 60_000);
        });
      },
    },
  ],
});

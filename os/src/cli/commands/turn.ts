import type { Action } from '@kios/node-turn';
import type { Argv, CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';
import { jsonOption } from './json-option.ts';
import { checkWhole } from './whole-number.ts';

interface TurnArgs {
  kubeconfig: string;
  node: string[];
  'max-unavailable': number;
  'wait-seconds': number;
  'drain-seconds': number;
  'boot-seconds': number;
  force: boolean;
  wait: boolean;
  json: boolean;
}

const COUNTS = ['max-unavailable', 'wait-seconds', 'drain-seconds', 'boot-seconds'] as const;

const options = (args: Argv, end: string) =>
  args
    .positional('kubeconfig', {
      type: 'string',
      demandOption: true,
      describe: 'Kubeconfig of the cluster; it needs the right to read and patch nodes',
    })
    .positional('node', {
      type: 'string',
      array: true,
      demandOption: true,
      describe: 'Names of the nodes',
    })
    .option('max-unavailable', {
      type: 'number',
      default: 1,
      describe: 'Nodes of the cluster that may be away at once',
    })
    .option('wait-seconds', {
      type: 'number',
      default: 3600,
      describe: 'Time for which a node waits for its turn',
    })
    .option('drain-seconds', {
      type: 'number',
      default: 600,
      describe: 'Time that the pods of a node have to go',
    })
    .option('boot-seconds', { type: 'number', default: 600, describe: end })
    .option('force', {
      type: 'boolean',
      default: false,
      describe: 'Go on when that time is over, and evict pods that nothing would make again',
    })
    .option('wait', {
      type: 'boolean',
      default: true,
      describe: 'Follow the nodes to the end; --no-wait only asks',
    })
    .option('json', jsonOption);

interface Words {
  readonly describe: string;
  readonly end: string;
  readonly examples: readonly (readonly [line: string, says: string])[];
}

const WORDS: Readonly<Record<Action, Words>> = {
  reboot: {
    describe: 'Reboot nodes of a cluster, one after another, each cordoned and drained',
    end: 'Time in which a node is back and Ready after it stops',
    examples: [
      ['$0 reboot admin.kubeconfig node-1 node-2', 'Reboot two nodes, one after the other'],
      [
        '$0 reboot admin.kubeconfig node-1 node-2 node-3 --max-unavailable 2',
        'Reboot three, two at a time',
      ],
      ['$0 reboot admin.kubeconfig node-1 --drain-seconds 60 --force', 'Wait a minute for pods'],
    ],
  },
  poweroff: {
    describe: 'Power off nodes of a cluster, one after another, each cordoned and drained',
    end: 'Time in which a node is off after it stops',
    examples: [
      ['$0 poweroff admin.kubeconfig node-1', 'Power off a node; it is uncordoned when it is back'],
      ['$0 poweroff admin.kubeconfig node-1 --no-wait', 'Only ask for it'],
    ],
  },
};

const turnCommand = (action: Action, context: CommandContext): CommandModule<unknown, TurnArgs> => {
  const { describe, end, examples } = WORDS[action];
  return {
    command: `${action} <kubeconfig> <node..>`,
    describe,
    builder: (args) =>
      options(args, end)
        .check((args) => COUNTS.every((name) => checkWhole(name, args[name])))
        .example(examples.map(([line, says]): [string, string] => [line, says]))
        .epilogue('The cluster needs the agents of examples/lifecycle: docs/lifecycle.md.'),
    handler: async (args) => {
      const { takeTurns } = await import('../../fleet/turns.ts');
      await takeTurns(context, {
        action,
        kubeconfig: args.kubeconfig,
        nodes: args.node,
        maxUnavailable: args['max-unavailable'],
        waitSeconds: args['wait-seconds'],
        drainSeconds: args['drain-seconds'],
        bootSeconds: args['boot-seconds'],
        force: args.force,
        wait: args.wait,
        json: args.json,
      });
    },
  };
};

export const rebootCommand = (context: CommandContext): CommandModule<unknown, TurnArgs> =>
  turnCommand('reboot', context);

export const poweroffCommand = (context: CommandContext): CommandModule<unknown, TurnArgs> =>
  turnCommand('poweroff', context);

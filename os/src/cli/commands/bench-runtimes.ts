import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';
import { usageError } from '../../workstation/usage-error.ts';
import { jsonOption } from './json-option.ts';

interface RuntimesArgs {
  json: boolean;
  rounds: number;
  with: string[];
}

/** Reads NAME=FILE. */
export function readRuntime(word: string): [name: string, file: string] {
  const [, name, file] = /^([\w-]+)=(.+)$/.exec(word) ?? [];
  if (name !== undefined && file !== undefined) return [name, file];
  throw usageError(`use --with ${word}`, 'Give NAME=FILE, as in llrt=/usr/local/bin/llrt.');
}

export const runtimesBench = (context: CommandContext): CommandModule<unknown, RuntimesArgs> => ({
  command: 'runtimes',
  describe:
    'Compare Bun, Node, bare and QuickJS under the agents that ship: size, start, memory, what runs',
  builder: (args) =>
    args
      .option('json', jsonOption)
      .option('rounds', {
        type: 'number',
        default: 9,
        describe: 'Number of times each runtime starts each agent',
      })
      .option('with', {
        type: 'string',
        array: true,
        default: [],
        describe: 'Another runtime, as NAME=FILE: a program that takes a JavaScript file',
      })
      .check(({ with: others }) => others.map(readRuntime).length === others.length)
      .example('$0 bench runtimes --with llrt=/usr/local/bin/llrt', 'Compare one more'),
  handler: async ({ json, rounds, with: others }) => {
    const { benchRuntimes } = await import('../../bench/runtimes/runtimes.ts');
    await benchRuntimes(context, { json, rounds, others: new Map(others.map(readRuntime)) });
  },
});

import { expect, it } from 'vitest';

import { commandLine } from '../../../src/cli/parser.ts';
import { silent } from '../../../src/workstation/progress.ts';

const COMMANDS = [
  'up',
  'down',
  'status',
  'logs',
  'build',
  'keys',
  'keys create',
  'flash',
  'configure',
  'publish',
  'manifests',
  'manifests check',
  'bootstrap',
  'bootstrap render',
  'bootstrap check-userdata',
  'network',
  'network check',
  'network render',
  'reboot',
  'poweroff',
  'upgrade',
  'doctor',
  'test',
  'bench',
  'bench boot',
  'bench bootstrap',
  'bench dhcp',
  'bench growth',
  'bench memory',
  'bench modules',
  'bench runtimes',
  'bench secure-boot',
  'conformance',
  'profile',
];
/** These take no arguments, or only have commands of their own. */
const WITHOUT_EXAMPLE = ['bootstrap', 'network', 'bench', 'keys'];

async function help(command: string): Promise<string> {
  const parser = commandLine([], {
    progress: silent,
    signal: new AbortController().signal,
    undo: new AsyncDisposableStack(),
    print: () => {},
  });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  await parser.parse([...command.split(' '), '--help'], {}, (error, _, output) =>
    error === undefined || error === null ? resolve(output) : reject(error),
  );
  return promise;
}

/** A positional or an option, and its description in a second column. */
const ENTRY = /^ {2,6}(?:-\w, )?(?:--[\w-]+|[a-z]+) {2,}(\S.*)$/;

it.each(COMMANDS)('%s --help describes each option', async (command) => {
  const [options = ''] = (await help(command)).split('Examples:');
  const lines = options
    .split(/^(?:Positionals|Options):$/m)
    .slice(1)
    .join('')
    .split('\n');
  const described = lines.flatMap((line) => ENTRY.exec(line)?.[1] ?? []);
  expect(described).toContainEqual(expect.stringContaining('Show version number'));
  // Without a description the type in brackets comes first.
  expect(described.filter((text) => text.startsWith('['))).toEqual([]);
});

it.each(COMMANDS.filter((command) => !WITHOUT_EXAMPLE.includes(command)))(
  '%s --help gives an example',
  async (command) => {
    expect((await help(command)).split('Examples:\n')[1]).toContain(`./kios ${command}`);
  },
);

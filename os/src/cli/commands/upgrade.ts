import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';
import { usageError } from '../../workstation/usage-error.ts';
import { jsonOption } from './json-option.ts';

interface UpgradeArgs {
  kubeconfig: string;
  image: string;
  node: string[] | undefined;
  'max-unavailable': number;
  'stall-seconds': number;
  wait: boolean;
  json: boolean;
}

/** A registry, a repository, and a tag or a digest. */
const REFERENCE = /^[^\s/@]+\/[^\s@]+(?::[\w.-]+(?:@sha256:[0-9a-f]{64})?|@sha256:[0-9a-f]{64})$/;

function check(args: UpgradeArgs): true {
  if (!REFERENCE.test(args.image))
    throw usageError(
      `use the image ${args.image}: it is no reference with a tag or a digest`,
      'Name what ./kios publish prints for the image os.',
    );
  const least = { 'max-unavailable': 0, 'stall-seconds': 1 } as const;
  for (const name of ['max-unavailable', 'stall-seconds'] as const)
    if (!Number.isSafeInteger(args[name]) || args[name] < least[name])
      throw usageError(
        `use --${name}: it is not a whole number from ${least[name]} on`,
        'See ./kios upgrade --help.',
      );
  return true;
}

export const upgradeCommand = (context: CommandContext): CommandModule<unknown, UpgradeArgs> => ({
  command: 'upgrade <kubeconfig> <image> [node..]',
  describe: 'Bring nodes of a cluster to another version, one after another; bad ones go back',
  builder: (args) =>
    args
      .positional('kubeconfig', {
        type: 'string',
        demandOption: true,
        describe:
          'Kubeconfig of the cluster; it needs the right to read nodes and pods, and to read and patch DaemonSets',
      })
      .positional('image', {
        type: 'string',
        demandOption: true,
        describe: 'Reference of the image os, as ./kios publish prints it',
      })
      .positional('node', {
        type: 'string',
        array: true,
        describe: 'Names of nodes; without any all nodes on which the agents run',
      })
      .option('max-unavailable', {
        type: 'number',
        default: 0,
        describe: 'Nodes that may be away at once; 0: what the agents that reboot say, which is 1',
      })
      .option('stall-seconds', {
        type: 'number',
        default: 7200,
        describe:
          'Time in which something must happen to some node; three tries of one take an hour',
      })
      .option('wait', {
        type: 'boolean',
        default: true,
        describe: 'Follow the nodes to the end; --no-wait only orders',
      })
      .option('json', jsonOption)
      .check(check)
      .example([
        ['$0 upgrade admin.kubeconfig registry.example/kios/os:0.2.0', 'Update all nodes'],
        ['$0 upgrade admin.kubeconfig registry.example/kios/os:0.2.0 node-1', 'Try it on one'],
      ])
      .epilogue('The cluster needs examples/lifecycle and examples/update: docs/update.md.'),
  handler: async (args) => {
    const { upgrade } = await import('../../fleet/upgrade.ts');
    await upgrade(context, {
      kubeconfig: args.kubeconfig,
      image: args.image,
      nodes: [...new Set(args.node ?? [])],
      maxUnavailable: args['max-unavailable'],
      stallSeconds: args['stall-seconds'],
      wait: args.wait,
      json: args.json,
    });
  },
});

import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';
import { usageError } from '../../workstation/usage-error.ts';
import { checkWhole } from './whole-number.ts';

interface ConformanceArgs {
  focus: string[];
  skip: string[];
  slice: string;
  nodes: number;
  parallel: number;
  list: boolean;
  again: boolean;
}

/** Specs that end the cluster's node, need a cloud or a feature of their own, or test what is not released. */
const SPECIAL = String.raw`\[Disruptive\]|\[Flaky\]|\[Feature:|\[Alpha\]|\[Beta\]`;
/** More make the specs wait for each other on a node, whose pods start one by one. */
const MOST_PARALLEL = 16;
const SLICE = /^(?<slice>[1-9]\d*)\/(?<slices>[1-9]\d*)$/;

function readSlice(text: string): { slice: number; slices: number } {
  const { slice = '', slices = '' } = SLICE.exec(text)?.groups ?? {};
  const numbers = { slice: Number(slice), slices: Number(slices) };
  if (slice !== '' && numbers.slice <= numbers.slices) return numbers;
  throw usageError(
    `use --slice ${text}: it is no part of a whole`,
    'Give two numbers, such as 3/20 for the third of twenty parts.',
  );
}

function readNodes(nodes: number): 1 | 2 {
  if (nodes === 1 || nodes === 2) return nodes;
  throw usageError(`use --nodes ${nodes}: a run has one node or two`, 'Give 1 or 2.');
}

export const conformanceCommand = (
  context: CommandContext,
): CommandModule<unknown, ConformanceArgs> => ({
  command: 'conformance',
  describe: 'Run Kubernetes’ own end-to-end tests, unmodified, against a node',
  builder: (args) =>
    args
      .option('focus', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [String.raw`\[NodeConformance\]`],
        describe: 'Regular expression of the specs to run; may be given several times',
      })
      .option('skip', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [SPECIAL],
        describe: 'Regular expression of specs to leave out; may be given several times',
      })
      .option('slice', {
        type: 'string',
        default: '1/1',
        describe: 'Part of the specs to run, such as 3/20; all parts are alike',
      })
      .option('nodes', {
        type: 'number',
        default: 1,
        describe: 'Nodes of the cluster, 1 or 2',
      })
      .option('parallel', {
        type: 'number',
        default: 2,
        describe: 'Specs at a time; those marked [Serial] run alone',
      })
      .option('list', {
        type: 'boolean',
        default: false,
        describe: 'Only print the names of the specs',
      })
      .option('again', {
        type: 'boolean',
        default: false,
        describe: 'Also run the specs that have a result of the same image: passed, failed or skipped',
      })
      .check(({ parallel }) => checkWhole('parallel', parallel, 1, MOST_PARALLEL))
      .example([
        ['$0 conformance', 'Run all that a node must pass and that has no result yet'],
        ['$0 conformance --slice 3/20', 'Run a twentieth of it'],
        [String.raw`$0 conformance --nodes 2 --focus '\[Conformance\]'`, 'Run what a cluster must pass'],
        ['$0 conformance --focus Probing --list', 'Print the specs about probes'],
      ]), // prettier-ignore
  handler: async ({ slice, nodes, parallel, ...options }) => {
    const { conformance } = await import('../../conformance/conformance.ts');
    const counts = { nodes: readNodes(nodes), parallel };
    await conformance(context, { ...options, ...counts, ...readSlice(slice) });
  },
});

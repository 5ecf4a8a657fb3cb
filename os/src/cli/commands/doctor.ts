import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';
import { checkWhole } from './whole-number.ts';

interface DoctorArgs {
  kubeconfig: string;
  node: string;
  context: string | undefined;
  output: string | undefined;
  timeout: number;
}

/** A day; a timer of Node reaches 49. */
const LONGEST_SECONDS = 86_400;

/** What the command ends with when something is wrong with the node, as diff(1) does for a difference. */
const WRONG = 1;

export const doctorCommand = (context: CommandContext): CommandModule<unknown, DoctorArgs> => ({
  command: 'doctor <kubeconfig> <node>',
  describe: 'Say what is wrong with a node of a cluster, and gather what shows it into a bundle',
  builder: (args) =>
    args
      .positional('kubeconfig', {
        type: 'string',
        demandOption: true,
        describe: 'File with which kubectl reaches the cluster',
      })
      .positional('node', {
        type: 'string',
        demandOption: true,
        describe: 'Name of the node, as kubectl get nodes shows it',
      })
      .option('context', {
        type: 'string',
        requiresArg: true,
        describe: 'Context of the kubeconfig; without it the current one',
      })
      .option('output', {
        alias: 'o',
        type: 'string',
        requiresArg: true,
        describe: 'Bundle to write (.tar.gz); without it a new file in this folder',
      })
      .option('timeout', {
        type: 'number',
        requiresArg: true,
        default: 30,
        describe: 'Seconds that each reply may take',
      })
      .check(({ timeout }) => checkWhole('timeout', timeout, 1, LONGEST_SECONDS))
      .example('$0 doctor ~/.kube/config node-1', 'Look at a node, and write a bundle')
      .example('$0 doctor admin.conf node-1 -o node-1.tar.gz', 'Choose the name of the bundle')
      .epilogue(
        'It ends with 0 when nothing is known to be wrong, and with 1 otherwise. It only reads, by the Kubernetes API, and leaves out secrets (docs/inspect.md).',
      ),
  handler: async ({ timeout, kubeconfig, node, context: chosen, output }) => {
    const { examine } = await import('../../fleet/doctor/doctor.ts');
    const { wrong } = await examine(context, {
      kubeconfig,
      node,
      context: chosen,
      output,
      timeout,
    });
    if (wrong.length > 0) process.exitCode = WRONG;
  },
});

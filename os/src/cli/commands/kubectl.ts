import type { CommandModule } from 'yargs';

interface KubectlArgs {
  arguments: string[];
}

export const kubectlCommand = (): CommandModule<unknown, KubectlArgs> => ({
  command: 'kubectl [arguments..]',
  describe: 'Run kubectl as administrator of the lab cluster',
  builder: (args) =>
    args
      .positional('arguments', {
        type: 'string',
        array: true,
        default: [],
        describe: 'Arguments of kubectl',
      })
      // Everything after `kubectl` belongs to kubectl, including --help and flags that look like ours.
      .parserConfiguration({ 'unknown-options-as-args': true })
      .help(false)
      .version(false)
      .strict(false)
      .example('$0 kubectl get nodes', 'List the nodes')
      .example('$0 kubectl -n kube-system get pods -o wide', 'List the pods of the node'),
  handler: async () => {
    const given = process.argv.slice(2);
    // A shell's Tab. This flag of yargs, too, is an argument of kubectl here.
    if (given[0] === '--get-yargs-completions') return;
    const { kubectlInteractive } = await import('../../lab/kubectl.ts');
    process.exitCode = await kubectlInteractive(given.slice(given.indexOf('kubectl') + 1));
  },
});

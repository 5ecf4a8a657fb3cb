import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';

interface ConfigureArgs {
  target: string;
  bootstrap: string | undefined;
  'kubeadm-join': string | undefined;
  hostname: string | undefined;
  network: string | undefined;
  manifests: string | undefined;
  image: string[] | undefined;
  modules: string | undefined;
  'kernel-argument': string[] | undefined;
  sysctl: string[] | undefined;
  encrypt: boolean;
  'recovery-key': string | undefined;
  show: boolean;
  json: boolean;
}

const text = (describe: string) => ({ type: 'string', requiresArg: true, describe }) as const;
const flag = (describe: string) => ({ type: 'boolean', default: false, describe }) as const;

const OPTIONS = {
  bootstrap: text('File with the bootstrap document, which names the cluster'),
  'kubeadm-join': text('The line of kubeadm token create --print-join-command, in its place'),
  hostname: text('Name of the node, which goes into the bootstrap document'),
  network: text('Network file (docs/network.md), or settings of single cards (docs/dhcp.md)'),
  manifests: text('Folder whose static pods become those of the medium; others there are removed'),
  image: {
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'OCI archive with images, once for each; empty: none (docs/preload.md)',
  },
  modules: text('The build’s modules.erofs, for hardware that needs it (docs/modules.md)'),
  'kernel-argument': {
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'Word for the kernel command line, once for each; empty: none (docs/medium.md)',
  },
  sysctl: {
    type: 'string',
    array: true,
    nargs: 1,
    describe: 'Setting of the kernel, NAME=VALUE, once for each; empty: none (docs/settings.md)',
  },
  encrypt: flag('Have the data partition encrypted at the first boot (docs/encryption.md)'),
  'recovery-key': text('File with the recovery key of an encrypted data partition, for one boot'),
  show: flag('Print what is there, after the changes if any are given'),
  json: flag('Print what is there as JSON'),
} as const;

const EXAMPLES = [
  [
    '$0 configure dist/amd64/kios.img --bootstrap node.yaml --hostname node-1',
    'Make an image that joins a cluster under a name',
  ],
  [
    "$0 configure /dev/sdX --kubeadm-join 'kubeadm join 192.0.2.10:6443 --token …'",
    'Have a flashed stick join by a line that kubeadm printed',
  ],
  [
    '$0 configure /dev/sdX --network network.yaml',
    'Give a machine fixed addresses, VLANs, a bond or a bridge',
  ],
  [
    '$0 configure /dev/sdX --image app.tar',
    'Give a node without a registry the images of an archive; replaces those that are there',
  ],
  [
    '$0 configure kios.img --kernel-argument mitigations=off',
    'Trade protection for speed; replaces the words that are there',
  ],
  [
    '$0 configure /dev/sdX --sysctl vm.nr_hugepages=512',
    'Set aside 1 GiB of huge pages; replaces the settings that are there',
  ],
  [
    '$0 configure /dev/sdX --modules dist/amd64/modules.erofs',
    'Add drivers of rare hardware, and firmware if the build has some',
  ],
  [
    '$0 configure kios.img --encrypt',
    'Encrypt the node’s data with a key that its TPM keeps; the system needs build --pcr-key',
  ],
  ['$0 configure /dev/sdX --show', 'Look what a medium would make of a node'],
] as const;

export const configureCommand = (
  context: CommandContext,
): CommandModule<unknown, ConfigureArgs> => ({
  command: 'configure <target>',
  describe: 'Put a cluster, a name or static pods on a disk image or a flashed medium',
  builder: (args) =>
    args
      .positional('target', {
        type: 'string',
        demandOption: true,
        describe: 'Disk image, or device that it was flashed to',
      })
      .options(OPTIONS)
      .conflicts('bootstrap', 'kubeadm-join')
      .example(EXAMPLES.map(([line, says]) => [line, says])),
  handler: async (args) => {
    const { configure } = await import('../../media/configure/configure.ts');
    const { target, bootstrap, hostname, network, manifests, modules, show, json } = args;
    const wanted = {
      bootstrap,
      kubeadmJoin: args['kubeadm-join'],
      hostname,
      network,
      manifests,
      images: args.image,
      modules,
      kernelArguments: args['kernel-argument'],
      sysctls: args.sysctl,
      encrypt: args.encrypt ? true : undefined,
      recoveryKey: args['recovery-key'],
    };
    await configure(context, { target, wanted, show, json });
  },
});

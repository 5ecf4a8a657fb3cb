import type { CommandModule } from 'yargs';

import type { CommandContext } from '../../workstation/command-context.ts';
import { type Arch, ARCHES } from '../../workstation/paths.ts';
import { checkWhole } from './whole-number.ts';

interface ProfileArgs {
  arch: Arch;
  boots: number;
}

export const profileCommand = (context: CommandContext): CommandModule<unknown, ProfileArgs> => ({
  command: 'profile',
  describe: 'Boot nodes to learn what they touch of the root, so that later images start faster',
  builder: (args) =>
    args
      .option('arch', {
        choices: ARCHES,
        default: 'amd64' as const,
        describe: 'Architecture of the image',
      })
      .option('boots', {
        type: 'number',
        default: 3,
        describe: 'Number of boots; what any of them touches counts',
      })
      .check(({ boots }) => checkWhole('boots', boots))
      .example(
        '$0 profile',
        'Write os/profile/amd64 anew, after a program of the root has changed',
      ),
  handler: async ({ arch, boots }) => {
    const { profile } = await import('../../bench/profile/profile.ts');
    await profile(context, { arch, boots });
  },
});

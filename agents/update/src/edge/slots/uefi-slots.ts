import type { BuildRecord } from '../../core/image/build-record.ts';
import { contentOf, modulesIn } from '../../core/image/contents.ts';
import { planStage, planUnstage, stagedIn, type Wish } from '../../core/plan/plan.ts';
import { imageOf } from '../../core/slots/names.ts';
import { readMedium } from '../esp/files.ts';
import { checkImage } from '../host/host.ts';
import type { Named, Slots } from './slots.ts';

/** Returns what a record says of the files that are written. */
const wishFor = (record: BuildRecord): Wish => ({
  version: record.version,
  efi: contentOf('kios.efi', record.efi),
  modules: modulesIn(record),
});

/** Systems that systemd-boot starts: files of `EFI/kios`, each with an entry. */
export const uefiSlots = ({ running, usesModules, signers }: Named): Slots => ({
  fileOf: imageOf,
  prepare: async (folder, record, signal) => {
    const wish = wishFor(record);
    await checkImage(folder, wish, { arch: record.arch, signers }, signal);
    return async (esp) => {
      const medium = await readMedium(esp, usesModules);
      return {
        staged: stagedIn(medium, running),
        plan: (highest) => planStage(medium, running, highest, wish),
      };
    };
  },
  planUnstage: async (esp) => planUnstage(await readMedium(esp, false), running),
});

import { planBoardStage, planBoardUnstage, stagedOnBoard } from '../../core/plan/board-plan.ts';
import { INITRAMFS, systemOf } from '../../core/slots/board.ts';
import { readBoardMedium } from '../esp/board-files.ts';
import { readBoardWish } from '../host/board-image.ts';
import type { Named, Slots } from './slots.ts';

/** Systems that a board's own loader starts: folders of `system`, of which its settings name one. */
export const boardSlots = ({ running, usesModules, board }: Named): Slots => ({
  fileOf: (generation) => `${systemOf(generation)}/${INITRAMFS}`,
  prepare: async (folder, record, signal) => {
    const wish = await readBoardWish(folder, record, board, signal);
    return async (esp) => {
      const medium = await readBoardMedium(esp, running, usesModules);
      return {
        staged: stagedOnBoard(medium, running),
        plan: (highest) => planBoardStage(medium, running, highest, wish),
      };
    };
  },
  planUnstage: async (esp) => planBoardUnstage(await readBoardMedium(esp, running, false), running),
});

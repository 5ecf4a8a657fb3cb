import { parseChoice } from '@kios/host-api/board-slots';
import { describe, expect, it } from 'vitest';

import {
  type BoardMedium,
  type BoardWish,
  planBoardStage,
  planBoardUnstage,
  stagedOnBoard,
} from '../../src/core/plan/board-plan.ts';
import type { Op } from '../../src/core/plan/plan.ts';
import { withWordsOf } from '../../src/core/slots/board.ts';
import { BoardModel } from '../support/board-model.ts';

const MIB = 1024 * 1024;
const INITRAMFS = { from: 'kios.efi', offset: 4096, digest: 'new', size: 130 * MIB };
const KERNEL = { from: 'rpi4/kernel8.img', digest: 'kernel', size: 10 * MIB };
const MODULES = { from: 'modules.erofs', digest: 'modules', size: 12 * MIB };
const wish: BoardWish = {
  version: '0.2.0',
  parts: new Map([
    ['initramfs8', INITRAMFS],
    ['kernel8.img', KERNEL],
  ]),
  commandLine: 'console=ttyS1 quiet kios.added\n',
  modules: undefined,
};

/** A card whose generation 2 runs; 1 was before it. */
const stable = (): BoardModel => new BoardModel(2, 2, 0, [1, 2]);

function opsOf(medium: BoardMedium, running: number, wanted = wish): readonly Op[] {
  const plan = planBoardStage(medium, running, 0, wanted);
  if ('code' in plan) throw new Error(plan.message);
  return plan.ops;
}

describe('staging on a board', () => {
  it('removes the older system, writes the new one, reads back, and then names it in one sector', () => {
    const model = stable();
    const line = 'console=ttyS1 quiet kios.added mitigations=off\n';
    const config = model.configWith(3, 2, 3);
    expect(opsOf(model.medium, 2)).toEqual([
      { tag: 'remove', path: 'system/0001/kernel8.img' },
      { tag: 'remove', path: 'system/0001/initramfs8' },
      { tag: 'remove', path: 'system/0001/cmdline.txt' },
      { tag: 'removeFolder', path: 'system/0001' },
      { tag: 'makeFolder', path: 'system/0003' },
      { tag: 'draft', path: 'system/0003/cmdline.txt', text: line },
      { tag: 'copy', path: 'system/0003/initramfs8', content: INITRAMFS },
      { tag: 'copy', path: 'system/0003/kernel8.img', content: KERNEL },
      { tag: 'remount' },
      { tag: 'verify', path: 'system/0003/cmdline.txt', content: line },
      { tag: 'verify', path: 'system/0003/initramfs8', content: INITRAMFS },
      { tag: 'verify', path: 'system/0003/kernel8.img', content: KERNEL },
      { tag: 'overwrite', path: 'config.txt', text: config.slice(0, 512) },
      { tag: 'remount' },
      { tag: 'verify', path: 'config.txt', content: config },
    ]);
  });

  it('names the running system before one goes that was staged, or that failed', () => {
    for (const model of [new BoardModel(3, 2, 3, [2, 3]), new BoardModel(2, 2, 3, [2, 3])]) {
      const [first] = opsOf(model.medium, 2);
      const text = model.configWith(2, 2, 0).slice(0, 512);
      expect(first).toEqual({ tag: 'overwrite', path: 'config.txt', text });
      expect(planBoardStage(model.medium, 2, 0, wish)).toMatchObject({ generation: 4 });
    }
  });

  it('leaves a medium that starts wherever it is killed, and stages at the next try', () => {
    for (const start of [stable, () => new BoardModel(3, 2, 3, [2, 3])]) {
      const count = opsOf(start().medium, 2).length;
      for (let cut = 0; cut <= count; cut += 1) {
        const model = start();
        for (const op of opsOf(model.medium, 2).slice(0, cut)) {
          model.apply(op);
          expect(model.faults(2)).toEqual([]);
        }
        const again = planBoardStage(model.medium, 2, 0, wish);
        if ('code' in again) throw new Error(again.message);
        for (const op of again.ops) model.apply(op);
        expect(model.faults(2)).toEqual([]);
        expect(stagedOnBoard(model.medium, 2)).toBe(again.generation);
      }
    }
  });

  it('counts what older systems leave, and the modules of a machine that has them', () => {
    const model = stable();
    expect(planBoardStage({ ...model.medium, free: 0 }, 2, 0, wish)).toHaveProperty('ops');
    const without = { ...new BoardModel(2, 2, 0, [2]).medium, free: 50 * MIB };
    expect(planBoardStage(without, 2, 0, wish)).toMatchObject({ code: 'KIOS_UPDATE_FULL' });
    expect(planBoardStage({ ...model.medium, hasModules: true }, 2, 0, wish)).toMatchObject({
      code: 'KIOS_UPDATE_MODULES',
    });
    const both = opsOf({ ...model.medium, hasModules: true }, 2, { ...wish, modules: MODULES });
    expect(both).toContainEqual({
      tag: 'copy',
      path: 'system/0003/modules.erofs',
      content: MODULES,
    });
  });

  it.each([
    ['settings that nobody understands', { config: 'os_prefix=mine/\n' }, /does not say/],
    ['what runs on trial', { config: new BoardModel(1, 1, 2, []).config }, /on trial/],
    ['no files of what runs', { systems: [] }, /files of the running generation 2 are missing/],
    ['the last number in use', { systems: [2, 9999].map((one) => new BoardModel(2, 2, 0, [one]).medium.systems[0]!) }, /9999 was the last/], // prettier-ignore
  ])('changes nothing on a medium with %s', (_, changes: Partial<BoardMedium>, why) => {
    expect(planBoardStage({ ...stable().medium, ...changes }, 2, 0, wish)).toEqual({
      code: 'KIOS_UPDATE_SLOTS',
      message: expect.stringMatching(why) as unknown,
    });
  });
});

describe('taking back on a board', () => {
  it('names the running system, and then removes what was staged', () => {
    const model = new BoardModel(3, 2, 3, [1, 2, 3]);
    const plan = planBoardUnstage(model.medium, 2);
    if ('code' in plan) throw new Error(plan.message);
    for (const op of plan.ops) {
      model.apply(op);
      expect(model.faults(2)).toEqual([]);
    }
    expect(parseChoice(model.config)).toEqual({ next: 2, good: 2, trial: 0 });
    expect(model.generations).toEqual([1, 2]);
    expect(planBoardUnstage(model.medium, 2)).toEqual({ generation: undefined, ops: [] });
  });

  it('finds what is staged only when it is whole, and named', () => {
    expect(stagedOnBoard(new BoardModel(3, 2, 3, [2, 3]).medium, 2)).toBe(3);
    expect(stagedOnBoard(new BoardModel(2, 2, 3, [2, 3]).medium, 2)).toBeUndefined();
    expect(stagedOnBoard(new BoardModel(3, 2, 3, [2]).medium, 2)).toBeUndefined();
    const { medium } = new BoardModel(3, 2, 3, [2, 3]);
    expect(stagedOnBoard({ ...medium, hasModules: true }, 2)).toBeUndefined();
  });
});

it('words of people go with each system', () => {
  const running = 'console=ttyS1 old=word kios.added mitigations=off ds=nocloud;i=rpi-1\n';
  expect(withWordsOf(running, wish.commandLine)).toBe(
    'console=ttyS1 quiet kios.added mitigations=off ds=nocloud;i=rpi-1\n',
  );
  expect(withWordsOf('console=ttyS1', wish.commandLine)).toBe(wish.commandLine);
});

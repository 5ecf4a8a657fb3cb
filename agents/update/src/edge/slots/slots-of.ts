import { boardSlots } from './board-slots.ts';
import type { Named, Slots } from './slots.ts';
import { uefiSlots } from './uefi-slots.ts';

/** Returns how the medium of a machine keeps its systems. */
export const slotsOf = (named: Named): Slots =>
  named.board === '' ? uefiSlots(named) : boardSlots(named);

import { stripVTControlCharacters } from 'node:util';

/** Removes what would command the terminal: a text may quote a file, or what a cluster says. Lines and tabs stay. */
export const plain = (text: string): string =>
  stripVTControlCharacters(text).replaceAll(/[^\P{Cc}\n\t]/gu, ' ');

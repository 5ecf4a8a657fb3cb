import { ADDED } from '../../build/kernel/command-line.ts';

/** Who carries a word out, as init sorts them; `packages/host-api/vectors/arguments.json` binds both. */
export type CarriedOutBy = 'init' | 'agents' | 'kernel' | 'nobody';

const FORMS: readonly (readonly [CarriedOutBy, RegExp])[] = [
  ['init', /^datapart=(?:PARTUUID=|PARTLABEL=|\/dev\/).+$/],
  ['init', /^kios\.console=(?:all|events)$/],
  ['init', /^kios\.watchdog=(?:on|off)$/],
  ['init', /^kios\.logport=\/dev\/(?:tty|hvc)[A-Za-z0-9]*$/],
  ['init', /^sysctl(?:\.[a-z0-9_][a-z0-9_-]*)+=.+$/],
  ['agents', /^kios\.(?:provider|config)=\S+$/],
  ['agents', /^ds=nocloud(?:-net)?(?:;\S*)?$/],
  ['kernel', /^mitigations=(?:off|auto|auto,nosmt)$/],
  ['kernel', /^init_on_free=[01]$/],
];

export const carriedOutBy = (word: string): CarriedOutBy =>
  /["\n\r]/.test(word) ? 'nobody' : (FORMS.find(([, form]) => form.test(word))?.[0] ?? 'nobody');

/** Returns the text of the file for init, one word a line. */
export const argumentsText = (words: readonly string[]): string =>
  words.map((word) => `${/[\s#]/.test(word) ? `"${word}"` : word}\n`).join('');

/** Returns the words of such a text. */
export const wordsOf = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => !line.trim().startsWith('#'))
    .flatMap((line) => line.match(/(?:[^\s"]|"[^"]*")+/g) ?? [])
    .map((word) => word.replaceAll('"', ''));

/** Returns what only the kernel can use, as it stands on its command line. */
export const kernelWords = (words: readonly string[]): string =>
  words.filter((word) => carriedOutBy(word) === 'kernel').join(' ');

const isForKernel = (word: string): boolean => carriedOutBy(word) === 'kernel';

/** Returns the words of a person in a board's kernel command line. */
export function addedWords(line: string): string[] {
  const words = line.trim().split(/\s+/);
  return words.includes(ADDED) ? words.slice(words.indexOf(ADDED) + 1).filter(isForKernel) : [];
}

/**
 * Returns a board's kernel command line with these words of a person in place of earlier ones. They come last, where
 * they outweigh the build's. Words that other programs have added stay: Raspberry Pi Imager adds its own.
 */
export function withKernelWords(line: string, words: string): string {
  const all = line.trim().split(/\s+/);
  const at = all.includes(ADDED) ? all.indexOf(ADDED) : all.length;
  const others = all.slice(at + 1).filter((word) => !isForKernel(word));
  const added = words === '' ? [] : [words];
  return `${[...all.slice(0, at), ADDED, ...others, ...added].join(' ')}\n`;
}

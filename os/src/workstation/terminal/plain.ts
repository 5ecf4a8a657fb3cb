/** Makes a text harmless for a terminal: what nodes, pods and images say may have characters that it obeys. */
export const plain = (text: string): string => text.replaceAll(/[^\P{Cc}\n\t]/gu, '\uFFFD');

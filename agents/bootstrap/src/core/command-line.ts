const PROVIDERS = ['nocloud', 'none'] as const;

/** What the kernel's command line says of where to look: `kios.provider=`, or cloud-init's `ds=nocloud`. The last word counts. */
export function providerOf(commandLine: string): (typeof PROVIDERS)[number] | undefined {
  const words = commandLine.split(/\s+/);
  const named = words.findLast((word) => word.startsWith('kios.provider='))?.slice(14);
  const known = PROVIDERS.find((provider) => provider === named);
  if (known !== undefined) return known;
  return words.some((word) => /^ds=nocloud(?:-net)?(?:;|$)/.test(word)) ? 'nocloud' : undefined;
}

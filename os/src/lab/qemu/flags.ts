/** Splits `-flag value` at the first blank; a flag without a value stays alone. */
export const splitFlags = (flags: readonly string[]): string[] =>
  flags.flatMap((flag) => {
    const at = flag.indexOf(' ');
    return at < 0 ? [flag] : [flag.slice(0, at), flag.slice(at + 1)];
  });

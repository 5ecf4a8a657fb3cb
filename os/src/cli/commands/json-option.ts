/** The option of commands whose result programs read too. */
export const jsonOption = {
  type: 'boolean',
  default: false,
  describe: 'Print the result as one JSON object',
} as const;

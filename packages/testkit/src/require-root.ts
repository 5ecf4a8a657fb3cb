interface Skippable {
  skip(note: string): unknown;
}

/**
 * For `beforeEach`: skips a test, with the reason, when it may not make network namespaces or loop devices. With
 * KIOS_REQUIRE_ROOT=1 it fails instead, so that a CI without root cannot look green.
 */
export function requireRoot(context: Skippable): void {
  if (process.getuid?.() === 0) return;
  const reason = 'needs root to make namespaces or loop devices';
  if (process.env['KIOS_REQUIRE_ROOT'] === '1') throw new Error(reason);
  context.skip(reason);
}

import path from 'node:path';

import { defineConfig } from 'vitest/config';

/**
 * A guest keeps one processor busy, so two files run at a time. Each lane has a lab and artefacts of its own, because a
 * file stops the lab's node, and builds images.
 */
export default defineConfig({
  test: { maxWorkers: 2, setupFiles: [path.join(import.meta.dirname, 'lane.ts')] },
});

import { glob, readFile } from 'node:fs/promises';
import path from 'node:path';

import * as v from 'valibot';

import { repository } from '../../workstation/paths.ts';

/** One npm script of one workspace. */
export interface TestScript {
  /** Workspace and script, such as `@kios/dhcp test:netns`. */
  readonly title: string;
  readonly cwd: string;
  readonly command: string;
}

const Root = v.object({ workspaces: v.array(v.string()) });
const Workspace = v.object({
  name: v.string(),
  scripts: v.optional(v.record(v.string(), v.string()), {}),
});

const readJson = async (file: string): Promise<unknown> =>
  JSON.parse(await readFile(file, 'utf8')) as unknown;

/** Returns the scripts called `name`, in the order of the workspaces. */
export async function findScripts(name: string, root = repository): Promise<TestScript[]> {
  const { workspaces } = v.parse(Root, await readJson(path.join(root, 'package.json')));
  const scripts: TestScript[] = [];
  for (const pattern of workspaces) {
    const manifests: string[] = [];
    for await (const file of glob(`${pattern}/package.json`, { cwd: root })) manifests.push(file);
    for (const manifest of manifests.toSorted()) {
      const file = path.join(root, manifest);
      const workspace = v.parse(Workspace, await readJson(file));
      const command = workspace.scripts[name];
      if (command !== undefined)
        scripts.push({ title: `${workspace.name} ${name}`, cwd: path.dirname(file), command });
    }
  }
  return scripts;
}

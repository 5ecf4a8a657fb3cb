import { describe, expect, it } from 'vitest';

import {
  buildArguments,
  buildEnvironment,
  buildUpstream,
} from '../../../../../src/build/sources/upstream/build.ts';
import {
  cniPlugins,
  COMPONENTS,
  CONFORMANCE_PROGRAMS,
  NODE_PROGRAMS,
  programsOf,
  PUBLISHING_PROGRAMS,
  readPrograms,
  WORKSTATION_PROGRAMS,
} from '../../../../../src/build/sources/upstream/components.ts';
import { silent } from '../../../../../src/workstation/progress.ts';

const programs = await readPrograms();
const named = (name: string) => {
  const program = programs.get(name);
  if (program === undefined) throw new Error(`no program ${name}`);
  return program;
};

describe('the table of upstream programs', () => {
  it.each([
    ...NODE_PROGRAMS,
    ...WORKSTATION_PROGRAMS,
    ...PUBLISHING_PROGRAMS,
    ...CONFORMANCE_PROGRAMS,
  ])('has %s with a released version', (name) => {
    expect(named(name).version).toMatch(/^v\d+\.\d+\.\d+$/u);
  });

  it('has the CNI plugins that the node needs', async () => {
    expect((await cniPlugins()).toSorted()).toEqual(['bridge', 'host-local']);
  });

  it('gives every program a name of its own', () => {
    const paths = new Set([...programs.values()].map((program) => program.importPath));
    expect(paths.size).toBe(programs.size);
  });

  it('rejects a tool line that names another module', () => {
    const mod = {
      go: '1.26.8',
      tools: ['example.org/x'],
      versions: new Map([['example.org/x', 'v1.0.0']]),
    };
    expect(() => programsOf(COMPONENTS[0]!, mod)).toThrow(/example\.org\/x is not in/u);
  });
});

describe('the build command', () => {
  it('stamps the version of go.mod into kubelet', () => {
    const kubelet = named('kubelet');
    const flags = buildArguments(kubelet).find((flag) => flag.startsWith('-ldflags='));
    expect(flags).toContain(`-X=k8s.io/component-base/version.gitVersion=${kubelet.version}`);
  });

  it('gives the example of an API server, a module of major 0, the version of Kubernetes', () => {
    const flags = buildArguments(named('sample-apiserver')).find((flag) =>
      flag.startsWith('-ldflags='),
    );
    const { version } = named('kubelet');
    expect(flags).toContain(`-X=k8s.io/component-base/version.gitVersion=${version}`);
    expect(flags).toContain('-X=k8s.io/component-base/version.gitMajor=1');
  });

  it('builds Kubernetes’ tests as a test, of kubelet’s version', () => {
    const tests = named('e2e.test');
    expect(tests.version).toBe(named('kubelet').version);
    expect(buildArguments(tests).slice(0, 2)).toEqual(['test', '-c']);
  });

  it('links runc statically and everything else without C', () => {
    expect(buildArguments(named('runc')).join(' ')).toContain('-extldflags=-static');
    expect(buildEnvironment('arm64', undefined)).toMatchObject({
      CGO_ENABLED: '0',
      GOARCH: 'arm64',
    });
  });

  it('rejects a name that is in no go.mod before it looks for Go', async () => {
    await expect(buildUpstream(['kubeadm'], 'amd64', silent)).rejects.toMatchObject({
      code: 'KIOS_UPSTREAM_NAME',
    });
  });
});

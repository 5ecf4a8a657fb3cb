#!/usr/bin/env node
import { bundleAgent } from './bundle-agent.ts';

await bundleAgent(process.cwd());

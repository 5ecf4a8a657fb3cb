#!/usr/bin/env node
import { bundleAgent } from './bundle.ts';

await bundleAgent(process.cwd());

import { test } from 'vitest';
import { MemoryNetwork } from '../../src/memory/index.js';
import { transportSuite } from '../../src/testing/transport-suite.js';

const network = new MemoryNetwork();
transportSuite(async () => network.transport(), test, { snapshots: 'required' });

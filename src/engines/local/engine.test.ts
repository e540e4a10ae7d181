import { describeEngine } from '../conformance.ts'
import { createTestEngine } from './testing.ts'

describeEngine('local', async (content) => createTestEngine(content))

/**
 * One seed for every random schedule of a test run, printed at its end. In CI it is always the same, so that a red
 * build tells of the change and not of luck; elsewhere every run tries something new. TOW_TEST_SEED repeats a run.
 */
import fc from 'fast-check'

export const SEED = Number(process.env.TOW_TEST_SEED)

fc.configureGlobal({ seed: SEED })

#!/usr/bin/env node
/** `tow`: finds the command, loads it alone, runs it, and turns what happens into words and an exit code. */
import { enableCompileCache } from 'node:module'
import { homedir } from 'node:os'
import { run } from './run.ts'

enableCompileCache?.()
process.stdout.on('error', leaveQuietly)
process.exitCode = await run({
  argv: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  uid: process.getuid?.() ?? -1,
  homedir: homedir(),
  streams: { stdin: process.stdin, stdout: process.stdout, stderr: process.stderr },
})
// What is still open (a stream that was left, an idle connection) must not keep the shell waiting.
process.stdin.unref?.()
process.exit()

/** `tow logs | head` closes the pipe: that is no failure. */
function leaveQuietly(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
}

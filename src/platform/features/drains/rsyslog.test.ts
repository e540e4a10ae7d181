/** The real rsyslogd reads what is sent; skipped where there is none. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, expect, test } from 'vitest'
import type { LogLine } from '../../../api/logs.ts'
import { openSyslog } from './syslog.ts'

const isThere = (() => {
  try {
    execFileSync('rsyslogd', ['-v'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()
const folder = mkdtempSync(join(tmpdir(), 'tow-rsyslog-'))
let daemon: ChildProcess | null = null
afterAll(() => {
  daemon?.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

const read = (name: string) => {
  try {
    return readFileSync(join(folder, name), 'utf8')
  } catch {
    return ''
  }
}

test('rsyslogd finds app, instance, process, facts and text where RFC 5424 has them', async (context) => {
  context.skip(!isThere, 'this machine has no rsyslogd: install rsyslog')
  writeFileSync(
    join(folder, 'conf'),
    `global(workDirectory="${folder}" maxMessageSize="256k" parser.escapeControlCharactersOnReceive="off")
     module(load="imtcp")
     input(type="imtcp" address="127.0.0.1" port="0" listenPortFileName="${folder}/port")
     template(name="all" type="string" string="%hostname%|%app-name%|%procid%|%msgid%|%syslogfacility-text%.%syslogseverity-text%|%structured-data%|%msg%\\n")
     action(type="omfile" file="${folder}/out" template="all")`,
  )
  daemon = spawn('rsyslogd', ['-n', '-f', join(folder, 'conf'), '-i', join(folder, 'pid')], {
    stdio: 'ignore',
  })
  while (!/^\d+/.test(read('port'))) await delay(20, undefined, { signal: context.signal })
  const lines = Array.from({ length: 2000 }, (_, index): LogLine => {
    const id = `1764143640000-web.1-7f3a2b-${String(index).padStart(12, '0')}`
    return {
      ...{ id, at: '2026-11-26T08:00:00.000Z', app: 'missions', environment: 'stage', release: 12 },
      ...{ process: 'web', instance: 'web.1-7f3a2b', stream: index % 2 ? 'stderr' : 'stdout' },
      text: index === 7 ? 'x'.repeat(65_000) : `line ${index} “ünï” \u001b[31mred\u001b[0m "q" ]`,
    }
  })
  const send = openSyslog({ host: '127.0.0.1', port: Number.parseInt(read('port'), 10), tls: false })
  await send(lines, context.signal)
  while (read('out').split('\n').length <= lines.length)
    await delay(50, undefined, { signal: context.signal })
  expect(read('out').split('\n').slice(0, -1)).toEqual(
    lines.map(
      ({ id, stream, text }) =>
        `stage|missions|web.1-7f3a2b|web|local0.info|[towpath@32473 id="${id}" environment="stage" release="v12" stream="${stream}"]|${text}`,
    ),
  )
}, 30_000)

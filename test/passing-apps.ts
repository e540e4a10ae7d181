/** Three apps that call a fourth: one passes the space on, one passes on less, one nothing. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** `passed`: the headers that it passes on. */
const SERVER = (passed: string[]) => `
import { createServer } from 'node:http'
createServer(async (request, response) => {
  const headers = Object.fromEntries(${JSON.stringify(passed)}.map((name) => [name, request.headers[name] ?? '']))
  const inner = process.env.INNER_URL ? await (await fetch(process.env.INNER_URL, { headers })).text() : ''
  response.end(process.env.TOW_RELEASE + ' ' + inner)
}).listen(process.env.PORT)
`
const CALLERS = { keeps: ['traceparent', 'baggage'], loses: ['traceparent'], silent: [] }

export async function writePassingApps(folder: string): Promise<void> {
  const processes = 'processes: { web: { command: node server.js } }'
  const callers = Object.keys(CALLERS).map(
    (app) => `  ${app}: { path: ${app}, needs: [inner], ${processes} }`,
  )
  for (const [app, passed] of [...Object.entries(CALLERS), ['inner', []] as const]) {
    await mkdir(join(folder, app), { recursive: true })
    await writeFile(join(folder, app, 'package.json'), '{ "type": "module" }')
    await writeFile(join(folder, app, 'server.js'), SERVER([...passed]))
  }
  await writeFile(
    join(folder, 'tow.yaml'),
    `version: 1\napps:\n${callers.join('\n')}\n  inner: { path: inner, ${processes} }\n`,
  )
}

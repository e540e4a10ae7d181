import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, test } from 'node:test'
import { createApi } from '../src/api.js'
import { grade } from '../src/rules.js'
import { openStore } from '../src/store.js'

const url = process.env.DATABASE_URL
const skip = url ? false : 'DATABASE_URL is not set'

let store
let server
let base

before(async () => {
  if (skip) return
  store = openStore(url)
  await store.migrate()
  server = createApi(store).listen(0)
  await once(server, 'listening')
  base = `http://127.0.0.1:${server.address().port}`
})

after(async () => {
  server?.close()
  await store?.close()
})

async function send(path, body) {
  const response = await fetch(
    `${base}${path}`,
    body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) },
  )
  return { status: response.status, body: await response.json() }
}

test('a body that is no JSON is refused', { skip }, async () => {
  const response = await fetch(`${base}/missions`, { method: 'POST', body: '{' })
  assert.equal(response.status, 400)
})

test('findings can be submitted once', { skip }, async () => {
  const { body: mission } = await send('/missions', { site: 'Dam 2', inspector: 'Ann' })
  const findings = [{ severity: 'major', text: 'Crack in the spillway' }]
  assert.equal((await send(`/missions/${mission.id}/findings`, { findings })).status, 202)
  assert.equal((await send(`/missions/${mission.id}/findings`, { findings })).status, 409)
})

test('two workers never grade the same mission', { skip }, async () => {
  while (await store.gradeNext(grade));
  for (const site of ['Bridge 7', 'Bridge 8']) {
    const { body: mission } = await send('/missions', { site, inspector: 'Bo' })
    await send(`/missions/${mission.id}/findings`, { findings: [{ severity: 'minor', text: 'Rust' }] })
  }
  const graded = await Promise.all([store.gradeNext(grade), store.gradeNext(grade), store.gradeNext(grade)])
  const ids = graded.filter(Boolean).map(({ id }) => id)
  assert.equal(new Set(ids).size, ids.length)
})

test('a mission that is not there is a 404', { skip }, async () => {
  assert.equal((await send('/missions/999999999')).status, 404)
})

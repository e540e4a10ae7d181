import { expect, test } from 'vitest'
import { Manifest, manifestJsonSchema } from './manifest.ts'

test('the published JSON Schema is what the platform reads (vitest -u writes it anew)', async () => {
  await expect(`${JSON.stringify(manifestJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(
    '../../schema/tow.schema.json',
  )
})

test('sizes come out in thousandths of a core, mebibytes and percent', () => {
  const web = { cpu: '250m', memory: '1.5Gi', surge: '10%' }
  const worker = { cpu: 2, memory: '512M' }
  const cron = { cpu: '0.5', memory: '256Mi' }
  const { apps } = Manifest.parse({ version: 1, apps: { shop: { processes: { web, worker, cron } } } })
  expect(apps.shop?.processes).toEqual({
    web: { cpu: 250, memory: 1536, surge: 10 },
    worker: { cpu: 2000, memory: 488 },
    cron: { cpu: 500, memory: 256 },
  })
})

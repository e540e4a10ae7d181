// Runs once per release, before the new version starts; safe to run again.
import { openStore } from './store.js'

const store = openStore(process.env.DATABASE_URL)
await store.migrate()
await store.close()
console.log('the schema is up to date')

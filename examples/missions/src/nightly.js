// Once a night: planned missions that nobody went to become overdue.
import { openStore } from './store.js'

const store = openStore(process.env.DATABASE_URL)
const count = await store.markOverdue(Number(process.env.OVERDUE_DAYS))
await store.close()
console.log(`${count} missions are overdue`)

import { createApi } from './api.js'
import { openStore } from './store.js'

const store = openStore(process.env.DATABASE_URL)
const server = createApi(store)
server.listen(process.env.PORT, () => console.log(`missions listens on ${process.env.PORT}`))

// Traffic has moved already: answer what is under way, then leave.
process.on('SIGTERM', () => {
  server.close(() => store.close())
  server.closeIdleConnections()
})

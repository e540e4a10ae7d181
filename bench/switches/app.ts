/**
 * The app that is switched: one file, on one port HTTP/1 with a slow answer, uploads, events and WebSockets, and gRPC
 * over HTTP/2. It ends as a good app does: what is under way finishes.
 */
export const appOfVersion = (version: number) => `
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { createServer as createNetServer } from 'node:net'

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
let isLeaving = false
const web = createServer(async (request, response) => {
  if (request.url === '/slow') {
    for (let part = 0; part < 10; part += 1) {
      response.write('part ' + part)
      await sleep(150)
    }
    return response.end('end')
  }
  if (request.url === '/events') {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    while (!response.destroyed && !isLeaving) {
      response.write('data: version ${version}\\n\\n')
      await sleep(100)
    }
    return response.end()
  }
  let bytes = 0
  for await (const chunk of request) bytes += chunk.length
  response.end('version ${version} ' + bytes)
})

// RFC 6455, as far as an echo of short messages needs it.
web.on('upgrade', (request, socket) => {
  const key = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
  const accept = createHash('sha1').update(key).digest('base64')
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n')
  let read = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    read = Buffer.concat([read, chunk])
    while (read.length >= 6 && read.length >= 6 + (read[1] & 127)) {
      const length = read[1] & 127
      const mask = read.subarray(2, 6)
      const text = Buffer.from(read.subarray(6, 6 + length).map((byte, at) => byte ^ mask[at % 4]))
      const head = Buffer.from([read[0], length])
      read = read.subarray(6 + length)
      socket.write(Buffer.concat([head, text]))
      if ((head[0] & 15) === 8) socket.end()
    }
  })
})

const grpc = createHttp2Server()
grpc.on('sessionError', () => {})
grpc.on('stream', async (stream, headers) => {
  stream.on('error', () => {})
  stream.resume()
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
  const messages = headers[':path'] === '/switches.Clock/Watch' ? 8 : 1
  const text = Buffer.from('version ${version}')
  for (let message = 0; message < messages && !stream.destroyed; message += 1) {
    if (message > 0) await sleep(100)
    stream.write(Buffer.concat([Buffer.from([0, 0, 0, 0, text.length]), text]))
  }
  stream.end()
})

const sockets = new Set()
const server = createNetServer((socket) => {
  sockets.add(socket)
  socket.on('error', () => {})
  socket.on('close', () => sockets.delete(socket))
  socket.once('readable', () => {
    const first = socket.read()
    if (first === null) return
    socket.unshift(first)
    const speaks = first.subarray(0, 3).toString() === 'PRI' ? grpc : web
    speaks.emit('connection', socket)
  })
})
server.listen(process.env.PORT)
process.on('SIGTERM', () => {
  isLeaving = true
  server.close()
  web.close()
  web.closeIdleConnections()
  setTimeout(() => process.exit(0), 1500)
})
`

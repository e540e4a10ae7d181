/** A line to the API server that a test can freeze and cut, without troubling anybody else who uses the cluster. */
import { readFileSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { parse, stringify } from 'yaml'

export interface Line {
  kubeconfig: string
  /** `frozen`: connections stay, and nothing passes. `cut`: connections break, and new ones too. */
  set(state: 'open' | 'frozen' | 'cut'): void
  close(): void
}

export async function openLine(kubeconfig: string, copy: string): Promise<Line> {
  const config = parse(readFileSync(kubeconfig, 'utf8')) as {
    clusters: { cluster: Record<string, unknown> }[]
  }
  const [{ cluster }] = config.clusters as [{ cluster: Record<string, unknown> }]
  const far = new URL(cluster.server as string)
  const sockets = new Set<Socket>()
  let state: 'open' | 'frozen' | 'cut' = 'open'
  const server = createServer((near) => {
    if (state === 'cut') return near.destroy()
    const other = connect(Number(far.port), far.hostname)
    for (const [one, peer] of [
      [near, other],
      [other, near],
    ] as const) {
      sockets.add(one)
      one.on('error', () => peer.destroy())
      one.on('close', () => {
        sockets.delete(one)
        peer.destroy()
      })
      one.on('data', (data) => peer.write(data))
      if (state === 'frozen') one.pause()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  delete cluster['certificate-authority-data']
  cluster['insecure-skip-tls-verify'] = true
  cluster.server = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  writeFileSync(copy, stringify(config), { mode: 0o600 })
  return {
    kubeconfig: copy,
    set(next) {
      state = next
      for (const socket of sockets) {
        if (next === 'cut') socket.destroy()
        else if (next === 'frozen') socket.pause()
        else socket.resume()
      }
    },
    close() {
      server.close()
      for (const socket of sockets) socket.destroy()
    },
  }
}
